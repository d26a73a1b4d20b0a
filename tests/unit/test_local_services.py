"""What a service is told by the local stack, and who wins when the user says otherwise."""

import os
from pathlib import Path

import pytest

from deploy.local.services import environment, programs
from deploy.local.state import PORT_NAMES, SERVICES, Home, State
from deploy.local.urls import Urls


@pytest.fixture(autouse=True)
def no_settings_of_the_tester(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DARKROOM_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def state() -> State:
    return State(ports={name: 20_000 + number for number, name in enumerate(PORT_NAMES)})


def test_the_stack_addresses_win_over_another_broker_of_the_users_shell(home: Home, state: State) -> None:
    found = environment(home, state, "ledger", {"DARKROOM_AMQP_URL": "amqp://elsewhere/", "PATH": "/bin"})
    assert found["DARKROOM_AMQP_URL"] == f"amqp://darkroom:{state.secrets['broker']}@127.0.0.1:20000/darkroom"
    assert found["DARKROOM_POSTGRES_URL"] == Urls.of(home, state).postgres["ledger"]
    assert found["PATH"] == "/bin"


def test_the_user_wins_over_defaults(home: Home, state: State) -> None:
    assert environment(home, state, "gateway", {})["DARKROOM_ANONYMOUS"] == "true"
    chosen = {"DARKROOM_ANONYMOUS": "false", "DARKROOM_BLOBS_URL": "s3://bucket"}
    assert chosen.items() <= environment(home, state, "gateway", chosen).items()


def test_extra_settings_win_over_everything_for_every_service(home: Home, state: State) -> None:
    extra = {"DARKROOM_FETCH_ALLOW": "127.0.0.1/32", "DARKROOM_HEALTH_PORT": "9"}
    found = programs(home, state, extra)
    assert [program.name for program in found] == list(SERVICES)
    assert all(extra.items() <= program.environment.items() for program in found)


def test_each_service_gets_its_own_credentials_only(home: Home, state: State) -> None:
    for program in programs(home, state, {}):
        given = "\n".join(program.environment.values())
        others = [state.secrets[name] for name in (*SERVICES, "postgres") if name != program.name]
        assert state.secrets[program.name] in given
        assert not any(secret in given for secret in others)


def test_only_those_who_seal_get_the_key(home: Home, state: State) -> None:
    having = {program.name for program in programs(home, state, {}) if "DARKROOM_SECRET_KEY" in program.environment}
    assert having == {"gateway", "exporter"}


def test_every_service_has_a_health_port_of_its_own_but_the_gateway_uses_its_api(home: Home, state: State) -> None:
    ports = {program.name: program.environment["DARKROOM_HEALTH_PORT"] for program in programs(home, state, {})}
    assert ports.pop("gateway") == "0"
    assert len(set(ports.values())) == 4


def test_only_the_gateway_is_told_where_the_admin_key_is(home: Home, state: State) -> None:
    told = {program.name for program in programs(home, state, {}) if "admin.key" in str(program.environment)}
    assert told == {"gateway"}


def test_what_the_users_commands_call_with_is_for_no_service(
    home: Home, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DARKROOM_ADMIN_KEY", "DARKROOM_API_KEY"):
        monkeypatch.setenv(name, "dk_secret")
    assert not any("dk_secret" in program.environment.values() for program in programs(home, state, {}))


@pytest.mark.parametrize("name", ["GOOGLE_VISION_API_KEYS", "DARKROOM_GEMINI_API_KEY", "GEMINI_API_KEYS"])
def test_keys_of_providers_are_the_enhancers_alone(home: Home, state: State, name: str) -> None:
    user = {name: "secret", "PATH": "/bin"}
    has = {service for service in SERVICES if environment(home, state, service, user).get(name) == "secret"}
    assert has == {"enhancer"}
