"""Tokens that come by themselves: exact to the period, up to the cap, however often somebody looks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from shared.regeneration import Regeneration

RULES = Regeneration(seconds=900, tokens_max=100)
BEGAN_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
MOMENT = timedelta(microseconds=1)


def test_the_rules_are_settings(monkeypatch) -> None:
    for name in ("SECONDS", "TOKENS_MAX"):
        monkeypatch.delenv(f"DARKROOM_REGENERATION_{name}", raising=False)
    assert (Regeneration().seconds, Regeneration().tokens_max) == (900, 100)
    monkeypatch.setenv("DARKROOM_REGENERATION_SECONDS", "60")
    monkeypatch.setenv("DARKROOM_REGENERATION_TOKENS_MAX", "7")
    assert (Regeneration().seconds, Regeneration().tokens_max) == (60, 7)


@pytest.mark.parametrize(
    ("posted", "passed", "tokens", "moved"),
    [
        (0, timedelta(), 0, 0),
        (0, QUARTER - MOMENT, 0, 0),
        (0, QUARTER, 1, 1),
        (0, 2 * QUARTER - MOMENT, 1, 1),
        (10, 7 * QUARTER + MOMENT, 7, 7),
        (98, 7 * QUARTER, 2, 7),
        (100, 7 * QUARTER, 0, 7),
        (250, 7 * QUARTER, 0, 7),
        (0, 365 * 96 * QUARTER, 100, 365 * 96),
        (0, -QUARTER, 0, 0),
    ],
)
def test_full_periods_give_a_token_each_below_the_cap(posted: int, passed: timedelta, tokens: int, moved: int) -> None:
    now = BEGAN_AT + passed
    assert RULES.credit(posted, BEGAN_AT, now) == (tokens, BEGAN_AT + moved * QUARTER)
    assert RULES.due(posted, BEGAN_AT, now) == (tokens > 0)
    assert RULES.next_at(BEGAN_AT, now) == BEGAN_AT + (moved + 1) * QUARTER


def test_where_it_is_off_nothing_moves() -> None:
    off = Regeneration(seconds=0)
    now = BEGAN_AT + 9 * QUARTER
    assert off.credit(0, BEGAN_AT, now) == (0, BEGAN_AT)
    assert not off.due(0, BEGAN_AT, now)
    assert off.next_at(BEGAN_AT, now) is None


durations = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=3))


@given(posted=st.integers(0, 150), looks=st.lists(durations, min_size=1, max_size=20))
def test_looking_often_gives_what_looking_once_gives(posted: int, looks: list[timedelta]) -> None:
    balance, clock, now = posted, BEGAN_AT, BEGAN_AT
    for passed in looks:
        now += passed
        tokens, clock = RULES.credit(balance, clock, now)
        balance += tokens
        assert (clock - BEGAN_AT) % QUARTER == timedelta()
        assert timedelta() <= now - clock < QUARTER
    once, at = RULES.credit(posted, BEGAN_AT, now)
    assert (posted + once, at) == (balance, clock)


@given(idle=durations, spent=st.integers(1, 100))
def test_what_was_idle_at_the_cap_does_not_refill_later(idle: timedelta, spent: int) -> None:
    now = BEGAN_AT + idle
    tokens, clock = RULES.credit(100, BEGAN_AT, now)
    assert tokens == 0
    assert RULES.credit(100 - spent, clock, now) == (0, clock)
    assert RULES.credit(100 - spent, clock, clock + QUARTER)[0] == 1
