"""Cancelled wins over succeeded, in whatever order the ledger hears it: once and for all, nothing is captured."""

import itertools
from uuid import uuid4

import pytest

from services.ledger.domain import REVENUE, Terms
from services.ledger.postings import IMAGES_TOLD_MAX
from shared.db import Database
from shared.events import TokensCaptured, TokensVoided
from shared.regeneration import Regeneration
from tests.ledger_books import balance, hear, plain
from tests.ledger_events import Run

pytest_plugins = ("tests.ledger_database",)

TERMS = Terms(Regeneration(seconds=0), opening_tokens=10)
ENDINGS = ("enhanced", "failed", "cancelled")


@pytest.fixture
async def run(ledger) -> Run:
    """A run of two images at 3 tokens, held."""
    run = Run(f"account-{uuid4()}", images_total=2, price_tokens=3)
    await hear(ledger, TERMS, run.submitted())
    return run


async def hold_of(ledger: Database, run: Run) -> tuple[int, int, str]:
    """What is captured and voided of a run's hold, and its state."""
    async with ledger.connection() as connection:
        row = await connection.fetchrow(
            "SELECT captured, voided, state FROM holds WHERE (job_id, run) = ($1, $2)", run.job_id, run.run
        )
    assert row is not None
    return tuple(row)


async def result_of(ledger: Database, run: Run, place: int = 0) -> str:
    """How an image is settled."""
    async with ledger.connection() as connection:
        return await connection.fetchval("SELECT result FROM settlements WHERE image_id = $1", run.image_ids[place])


async def test_what_was_captured_for_a_cancelled_image_comes_back_once(ledger, run) -> None:
    await hear(ledger, TERMS, run.enhanced(0))
    assert await balance(ledger, run.account_id) == (7, 3)
    (voided,) = await hear(ledger, TERMS, run.cancelled(0))
    about = {"account_id": run.account_id, "job_id": run.job_id, "run": 1, "images": 1, "result": "cancelled"}
    assert plain([voided]) == [
        TokensVoided(**about, amount=3, balance=10, held=3, account_version=4, image_ids=run.image_ids[:1])
    ]
    assert await hear(ledger, TERMS, run.cancelled(0), run.enhanced(0), run.failed(0)) == []
    assert await balance(ledger, run.account_id) == (10, 3)
    assert await hold_of(ledger, run) == (0, 3, "held")
    async with ledger.connection() as connection:
        entries = await connection.fetch(
            """
            SELECT transfer_key, account_id, amount
            FROM entries JOIN transfers USING (transfer_id)
            WHERE job_id = $1 AND reason = 'refund'
            ORDER BY amount
            """,
            run.job_id,
        )
    key = f"refund:{run.job_id}:1:{run.image_ids[0]}"
    assert [tuple(entry) for entry in entries] == [(key, REVENUE, -3), (key, run.account_id, 3)]


async def test_an_image_that_succeeds_and_is_cancelled_in_one_batch_is_only_voided(ledger, run) -> None:
    (voided,) = await hear(ledger, TERMS, run.enhanced(0), run.cancelled(0))
    assert (voided.result, voided.amount, voided.balance, voided.held) == ("cancelled", 3, 10, 3)


async def test_a_settled_run_stays_settled_when_an_image_of_it_is_reversed(ledger, run) -> None:
    await hear(ledger, TERMS, run.enhanced(0), run.enhanced(1))
    assert await hold_of(ledger, run) == (6, 0, "settled")
    await hear(ledger, TERMS, run.cancelled(1))
    assert await hold_of(ledger, run) == (3, 3, "settled")
    assert await balance(ledger, run.account_id) == (7, 0)


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
@pytest.mark.parametrize("order", [order for length in (2, 3) for order in itertools.permutations(ENDINGS, length)])
async def test_every_order_of_endings_has_one_end(ledger, run, order, together) -> None:
    said = [getattr(run, ending)(0) for ending in order]
    for batch in [said] if together else [[event] for event in said]:
        await hear(ledger, TERMS, *batch)
    first = order[0]
    expected = "cancelled" if first == "enhanced" and "cancelled" in order else first.replace("enhanced", "succeeded")
    assert await result_of(ledger, run) == expected
    captured = 3 if expected == "succeeded" else 0
    assert await hold_of(ledger, run) == (captured, 3 - captured, "held")
    assert await balance(ledger, run.account_id) == (10 - captured, 3)


@pytest.mark.parametrize("order", list(itertools.permutations(ENDINGS, 2)), ids="-".join)
@pytest.mark.parametrize("before", ENDINGS)
async def test_two_endings_in_one_batch_meet_an_earlier_one(ledger, run, before, order) -> None:
    await hear(ledger, TERMS, getattr(run, before)(0))
    await hear(ledger, TERMS, *[getattr(run, ending)(0) for ending in order])
    expected = "cancelled" if before == "enhanced" and "cancelled" in order else before.replace("enhanced", "succeeded")
    assert await result_of(ledger, run) == expected
    captured = 3 if expected == "succeeded" else 0
    assert await hold_of(ledger, run) == (captured, 3 - captured, "held")


async def test_of_a_declined_run_nothing_comes_back(ledger) -> None:
    dear = Run(f"account-{uuid4()}", images_total=1, price_tokens=11)
    await hear(ledger, TERMS, dear.submitted())
    await hear(ledger, TERMS, dear.enhanced(0))
    assert await hear(ledger, TERMS, dear.cancelled(0)) == []
    assert await result_of(ledger, dear) == "cancelled"
    assert await balance(ledger, dear.account_id) == (10, 0)


async def test_a_reversal_of_one_run_leaves_other_runs_of_the_image_alone(ledger, run) -> None:
    again = Run(run.account_id, 1, 3, run=2, job_id=run.job_id, image_ids=run.image_ids[:1])
    await hear(ledger, TERMS, run.failed(0), run.failed(1), again.submitted())
    await hear(ledger, TERMS, again.enhanced(0))
    assert await hear(ledger, TERMS, run.cancelled(0)) == []
    assert await balance(ledger, run.account_id) == (7, 0)
    await hear(ledger, TERMS, again.cancelled(0))
    assert await balance(ledger, run.account_id) == (10, 0)


async def test_a_batch_captures_voids_and_gives_back_with_a_balance_after_each(ledger) -> None:
    run = Run(f"account-{uuid4()}", images_total=4, price_tokens=2)
    await hear(ledger, TERMS, run.submitted())
    await hear(ledger, TERMS, run.enhanced(0))
    events = await hear(ledger, TERMS, run.cancelled(0, 1), run.enhanced(2), run.failed(3))
    assert [(type(event), getattr(event, "result", ""), event.balance, event.held) for event in events] == [
        (TokensCaptured, "", 6, 4),
        (TokensVoided, "failed", 6, 2),
        (TokensVoided, "cancelled", 6, 0),
        (TokensVoided, "cancelled", 8, 0),
    ]
    assert [event.account_version for event in events] == [4, 5, 6, 7]


async def test_a_large_run_comes_back_in_parts(ledger) -> None:
    run = Run(f"account-{uuid4()}", images_total=IMAGES_TOLD_MAX + 1)
    rich = Terms(TERMS.regeneration, opening_tokens=run.images_total)
    places = range(run.images_total)
    await hear(ledger, rich, run.submitted())
    await hear(ledger, rich, *[run.enhanced(place) for place in places])
    events = await hear(ledger, rich, run.cancelled(*places))
    assert [(event.amount, event.balance) for event in events] == [
        (IMAGES_TOLD_MAX, IMAGES_TOLD_MAX),
        (1, run.images_total),
    ]
