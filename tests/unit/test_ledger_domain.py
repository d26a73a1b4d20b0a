"""What an event is worth in the books."""

from datetime import UTC, datetime, timedelta

import pytest

from services.ledger.domain import (
    Account,
    Balance,
    Change,
    Clock,
    ClockMove,
    Grant,
    Hold,
    Settlement,
    Terms,
    Usage,
    clock_moves,
    opening_grants,
    outcomes_of,
    regeneration_grants,
    running_balances,
)
from services.ledger.handlers import HANDLERS, SERVICE
from services.ledger.settings import Settings
from shared.envelope import new_id
from shared.errors import Problem
from shared.events import AccountOpened, Event, GrantRequested, RegenerationRequested
from shared.regeneration import Regeneration
from shared.topology import CONSUMERS
from tests.ledger_books import decide
from tests.ledger_events import RENDITION_BYTES, SOURCE_BYTES, Run

OFF = Regeneration(seconds=0)
QUARTERS = Regeneration(seconds=900, tokens_max=100)
TERMS = Terms(QUARTERS, opening_tokens=7, local_opening_tokens=70)
KNOWN, OPENED = Account("a", QUARTERS), Account("a", QUARTERS, 7)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


async def rows_of(event: Event) -> list[object]:
    (outcome,) = await decide([event], TERMS)
    assert not outcome.emit
    return list(outcome.record)


async def test_a_priced_run_opens_its_account_and_asks_for_its_whole_price() -> None:
    run = Run("a", images_total=3, price_tokens=2, run=4)
    hold = Hold("a", run.job_id, 4, images_total=3, price_tokens=2)
    assert await rows_of(run.submitted()) == [OPENED, hold]
    assert hold.amount == 6


async def test_a_run_without_a_price_only_opens_its_account() -> None:
    assert await rows_of(Run("a", price_tokens=0).submitted()) == [OPENED]


@pytest.mark.parametrize("event", [AccountOpened, RegenerationRequested])
async def test_an_account_that_is_opened_or_looked_at_is_touched(event: type[Event]) -> None:
    assert await rows_of(event(account_id="a")) == [OPENED]


async def test_the_local_account_has_opening_tokens_of_its_own() -> None:
    assert await rows_of(AccountOpened(account_id="local")) == [Account("local", QUARTERS, 70)]


async def test_a_grant_says_what_for_and_is_keyed_by_its_id() -> None:
    event = GrantRequested(account_id="a", grant_id=new_id(), amount=5, reason="purchase", note="order 7")
    given = Grant("a", 5, f"grant:{event.grant_id}", "purchase", event.grant_id, "order 7")
    assert await rows_of(event) == [OPENED, given]


async def test_each_end_of_a_priced_image_settles_it_and_counts_in_the_meter() -> None:
    run = Run("a", images_total=2)
    settled = [Settlement(run.job_id, 1, image_id, "succeeded") for image_id in run.image_ids]
    assert await rows_of(run.enhanced(0)) == [
        KNOWN,
        settled[0],
        Usage("a", images_succeeded=1, source_bytes=SOURCE_BYTES, rendition_bytes=RENDITION_BYTES),
    ]
    assert await rows_of(run.failed(1)) == [
        KNOWN,
        Settlement(run.job_id, 1, run.image_ids[1], "failed"),
        Usage("a", images_failed=1),
    ]
    assert await rows_of(run.cancelled(0, 1)) == [
        KNOWN,
        *[Settlement(run.job_id, 1, image_id, "cancelled") for image_id in run.image_ids],
        Usage("a", images_cancelled=2),
    ]


async def test_an_image_without_a_price_only_counts_in_the_meter() -> None:
    run = Run("a", images_total=2, price_tokens=0)
    for event in (run.enhanced(), run.failed(), run.cancelled(0, 1)):
        assert [type(row) for row in await rows_of(event)] == [Usage]


def test_only_accounts_that_were_just_opened_get_the_opening_grant() -> None:
    seen = [Account(name, OFF, tokens) for name, tokens in (("new", None), ("new", 5), ("old", 5), ("unpaid", None))]
    assert opening_grants({"new", "unpaid"}, seen) == [Grant("new", 5, "opening:new", "opening")]


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ("succeeded", "succeeded"),
        ("succeeded failed", "succeeded"),
        ("failed succeeded", "failed"),
        ("failed cancelled", "failed"),
        ("failed succeeded cancelled", "failed"),
        ("succeeded cancelled", "cancelled"),
        ("succeeded failed cancelled", "cancelled"),
        ("cancelled succeeded", "cancelled"),
        ("cancelled failed succeeded", "cancelled"),
    ],
)
def test_of_outcomes_in_one_batch_the_first_stands_but_cancelled_wins_over_succeeded(said: str, stands: str) -> None:
    job_id, image_id = new_id(), new_id()
    outcomes = [Settlement(job_id, 1, image_id, result) for result in said.split()]
    assert outcomes_of(outcomes) == [Settlement(job_id, 1, image_id, stands)]


def test_outcomes_of_other_images_and_runs_stand_apart() -> None:
    job_id, image_id = new_id(), new_id()
    outcomes = [
        Settlement(job_id, 1, image_id, "succeeded"),
        Settlement(job_id, 2, image_id, "cancelled"),
        Settlement(job_id, 1, new_id(), "cancelled"),
    ]
    assert outcomes_of(outcomes) == outcomes


def test_a_clock_moves_when_a_full_period_has_passed_and_at_the_cap_it_gives_nothing() -> None:
    quarter = timedelta(minutes=15)
    clocks = [
        Clock("young", 0, NOW - quarter / 2, NOW),
        Clock("due", 3, NOW - 2.5 * quarter, NOW),
        Clock("nearly full", 99, NOW - 7 * quarter, NOW),
        Clock("full", 100, NOW - quarter, NOW),
        Clock("fixed", 0, NOW - 9 * quarter, NOW),
    ]
    rules = {"fixed": OFF}
    moves = clock_moves(clocks, [Account(clock.account_id, rules.get(clock.account_id, QUARTERS)) for clock in clocks])
    assert moves == [
        ClockMove("due", NOW - 2.5 * quarter, NOW - 0.5 * quarter, 2),
        ClockMove("nearly full", NOW - 7 * quarter, NOW, 1),
        ClockMove("full", NOW - quarter, NOW, 0),
    ]
    key = "regeneration:due:2026-11-21T11:22:30+00:00"
    assert regeneration_grants(moves[:1]) == [Grant("due", 2, key, "regeneration")]
    assert [given.account_id for given in regeneration_grants(moves)] == ["due", "nearly full"]


def test_each_change_has_the_balance_and_the_version_right_after_it() -> None:
    after = {"a": Balance(7, 1, 5, NOW, None), "b": Balance(4, 4, 1, NOW, None)}
    changes = [Change("a", posted=10), Change("b", held=4), Change("a", held=4), Change("a", posted=-3, held=-3)]
    assert [(each.posted, each.held, each.version) for each in running_balances(changes, after)] == [
        (10, 0, 3),
        (4, 4, 1),
        (10, 4, 4),
        (7, 1, 5),
    ]


def test_the_ledger_handles_exactly_what_it_subscribes_to() -> None:
    assert set(HANDLERS) == set(CONSUMERS["ledger"])


def test_what_cannot_be_booked_stays_among_the_dead_letters() -> None:
    assert SERVICE.gave_up(Run("a").submitted(), Problem("internal_error"), 5) is None


@pytest.mark.parametrize(
    ("environment", "tokens", "local_tokens"),
    [
        ({}, 0, 100),
        ({"OPENING_TOKENS": "5"}, 5, 5),
        ({"LOCAL_OPENING_TOKENS": "6"}, 0, 6),
        ({"OPENING_TOKENS": "5", "LOCAL_OPENING_TOKENS": "6"}, 5, 6),
    ],
)
def test_opening_tokens_are_settings(monkeypatch, environment: dict[str, str], tokens: int, local_tokens: int) -> None:
    for name in ("OPENING_TOKENS", "LOCAL_OPENING_TOKENS"):
        monkeypatch.delenv(f"DARKROOM_LEDGER_{name}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(f"DARKROOM_LEDGER_{name}", value)
    settings = Settings()
    assert (settings.opening_tokens, settings.local_opening_tokens) == (tokens, local_tokens)
