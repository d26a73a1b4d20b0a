"""The local stack's memory: private, whole or not at all; and its small decisions."""

from pathlib import Path

import pytest

from client.commands.stack import readable_age
from deploy.local.state import CHECKOUT, Home, State, default_home
from deploy.local.supervision import RESTART_SECONDS_MAX, restart_delay_seconds


def test_a_saved_state_is_read_back_and_private(tmp_path: Path) -> None:
    home, state = Home(tmp_path), State(ports={"amqp": 5000})
    home.save(state)
    assert home.load() == state
    assert home.state_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_two_stacks_share_no_secret() -> None:
    assert not set(State().secrets.values()) & set(State().secrets.values())
    assert len(set(State().secrets.values())) == 8


def test_a_new_home_lets_others_pass_but_not_look(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    home.make()
    assert home.folder.stat().st_mode & 0o777 == 0o711


def test_the_home_is_where_the_user_says_seen_from_where_the_user_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DARKROOM_HOME", raising=False)
    assert default_home().folder == CHECKOUT / ".darkroom"
    monkeypatch.setenv("DARKROOM_CWD", "/where")
    monkeypatch.setenv("DARKROOM_HOME", "mine")
    assert default_home().folder == Path("/where/mine")
    monkeypatch.setenv("DARKROOM_HOME", "/absolute")
    assert default_home().folder == Path("/absolute")


def test_restarts_slow_down_to_a_limit() -> None:
    assert [restart_delay_seconds(deaths) for deaths in (1, 2, 3)] == [0.2, 0.4, 0.8]
    assert restart_delay_seconds(1000) == RESTART_SECONDS_MAX


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0 s"), (59, "59 s"), (185, "3 min 5 s"), (7620, "2 h 7 min"), (349_200, "4 d 1 h")]
)
def test_ages_read_in_two_units(seconds: float, text: str) -> None:
    assert readable_age(seconds) == text
