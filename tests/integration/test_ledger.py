"""The ledger's books, written by its recorders into a real Postgres."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.ledger.domain import REVENUE, Terms
from services.ledger.postings import IMAGES_TOLD_MAX
from shared.db import Database
from shared.envelope import new_id
from shared.errors import NotYet
from shared.events import (
    AccountOpened,
    GrantRequested,
    JobSubmitted,
    TokensCaptured,
    TokensDeclined,
    TokensGranted,
    TokensHeld,
    TokensVoided,
)
from shared.regeneration import Regeneration
from tests.ledger_books import balance, book, decide, deliver, hear, plain
from tests.ledger_events import RENDITION_BYTES, SOURCE_BYTES, Run

pytest_plugins = ("tests.ledger_database",)

TERMS = Terms(Regeneration(seconds=900, tokens_max=100), opening_tokens=10)
EMPTY = Terms(TERMS.regeneration)


@pytest.fixture
def account() -> str:
    return f"account-{uuid4()}"


async def count(ledger: Database, table: str, account: str) -> int:
    """Rows of an account."""
    async with ledger.connection() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM {table} WHERE account_id = $1", account)


def submitted(account: str) -> JobSubmitted:
    """Work without a price, which opens the account."""
    return Run(account, price_tokens=0).submitted()


async def test_an_account_gets_its_opening_grant_once(ledger, account) -> None:
    heard = await asyncio.gather(*[hear(ledger, TERMS, submitted(account)) for _ in range(3)])
    opening = TokensGranted(account_id=account, amount=10, balance=10, held=0, account_version=1, reason="opening")
    assert plain(event for events in heard for event in events) == [opening]
    assert await hear(ledger, Terms(TERMS.regeneration, 99), submitted(account)) == []
    assert await balance(ledger, account) == (10, 0)


async def test_an_account_without_opening_tokens_is_told_once_with_its_clock(ledger, account) -> None:
    opened = AccountOpened(account_id=account)
    heard = await asyncio.gather(*[hear(ledger, EMPTY, opened, opened) for _ in range(3)])
    opening = TokensGranted(account_id=account, amount=0, balance=0, held=0, account_version=1, reason="opening")
    assert plain(event for events in heard for event in events) == [opening]
    (declined,) = await hear(ledger, EMPTY, Run(account).submitted())
    assert isinstance(declined, TokensDeclined)
    assert await balance(ledger, account) == (0, 0)


async def test_a_grant_is_given_once_and_keeps_its_note(ledger, account) -> None:
    await hear(ledger, EMPTY, AccountOpened(account_id=account))
    said = GrantRequested(account_id=account, grant_id=new_id(), amount=5, reason="purchase", note="order 7")
    heard = await asyncio.gather(*[hear(ledger, EMPTY, said, said) for _ in range(3)])
    about = {"account_id": account, "held": 0, "reason": "purchase", "grant_id": said.grant_id, "note": "order 7"}
    assert plain(event for events in heard for event in events) == [
        TokensGranted(**about, amount=5, balance=5, account_version=2)
    ]
    async with ledger.connection() as connection:
        row = await connection.fetchrow(
            "SELECT reason, note FROM transfers WHERE transfer_key = $1", f"grant:{said.grant_id}"
        )
    assert tuple(row) == ("purchase", "order 7")


async def test_of_two_grants_with_one_id_the_first_counts(ledger, account) -> None:
    first, second = (GrantRequested(account_id=account, grant_id=new_id(), amount=amount) for amount in (5, 7))
    same = second.model_copy(update={"grant_id": first.grant_id})
    events = await hear(ledger, TERMS, first, same)
    assert [event.amount for event in events] == [10, 5]
    assert await hear(ledger, TERMS, same) == []


async def test_each_event_of_a_commit_has_a_version_and_the_balance_right_after_it(ledger, account) -> None:
    gifts = [GrantRequested(account_id=account, grant_id=new_id(), amount=amount) for amount in (5, 7)]
    run, dear, none = Run(account, 2, 3), Run(account, 9, 9), Run(account, 0)
    ended = [run.enhanced(0), run.cancelled(1)]
    events = await hear(ledger, TERMS, *ended, *gifts, *[run.submitted() for run in (none, dear, run)])
    assert [(type(event), event.amount, event.balance, event.held, event.account_version) for event in events] == [
        (TokensGranted, 10, 10, 0, 1),
        (TokensGranted, 5, 15, 0, 2),
        (TokensGranted, 7, 22, 0, 3),
        (TokensHeld, 6, 22, 6, 4),
        (TokensDeclined, 81, 22, 6, 5),
        (TokensHeld, 0, 22, 6, 6),
        (TokensCaptured, 3, 19, 3, 7),
        (TokensVoided, 3, 19, 0, 8),
    ]
    assert plain(events)
    assert len({event.changed_at for event in events}) == 1


async def test_a_run_is_held_once_however_often_it_is_submitted(ledger, account) -> None:
    run = Run(account, images_total=3, price_tokens=2)
    heard = await asyncio.gather(*[hear(ledger, TERMS, run.submitted(), run.submitted()) for _ in range(3)])
    about = {"account_id": account, "balance": 10}
    assert plain(event for events in heard for event in events) == [
        TokensGranted(**about, amount=10, held=0, account_version=1, reason="opening"),
        TokensHeld(**about, amount=6, held=6, account_version=2, job_id=run.job_id, run=1),
    ]
    assert await balance(ledger, account) == (10, 6)


async def test_a_run_that_is_submitted_again_takes_no_room_from_another(ledger, account) -> None:
    known, new = Run(account, 6), Run(account, 4)
    await hear(ledger, TERMS, known.submitted())
    (held,) = await hear(ledger, TERMS, known.submitted(), new.submitted())
    assert isinstance(held, TokensHeld)
    assert held.job_id == new.job_id


async def test_a_run_that_cannot_be_paid_is_declined_and_its_images_move_nothing(ledger, account) -> None:
    run = Run(account, images_total=4, price_tokens=4)
    *_, declined = await hear(ledger, TERMS, run.submitted())
    about = {"account_id": account, "balance": 10, "held": 0, "job_id": run.job_id, "run": 1}
    assert plain([declined]) == [TokensDeclined(**about, amount=16, account_version=2)]
    assert await hear(ledger, TERMS, run.enhanced(0), run.failed(1), run.cancelled(1, 2), run.enhanced(3)) == []
    assert await hear(ledger, TERMS, run.cancelled(0, 3)) == []
    assert await balance(ledger, account) == (10, 0)
    assert await hear(ledger, TERMS, run.submitted()) == []


async def test_a_run_that_is_too_dear_does_not_stand_in_the_way_of_the_next(ledger, account) -> None:
    first, dear, last = Run(account, 2, 3), Run(account, 1, 5), Run(account, 4)
    events = await hear(ledger, TERMS, *[run.submitted() for run in (last, dear, first)])
    decided = {event.job_id: type(event) for event in events if isinstance(event, TokensHeld | TokensDeclined)}
    assert decided == {first.job_id: TokensHeld, dear.job_id: TokensDeclined, last.job_id: TokensHeld}
    assert await balance(ledger, account) == (10, 10)


async def test_a_priced_run_without_images_is_held_and_settled_at_once(ledger, account) -> None:
    *_, held = await hear(ledger, TERMS, Run(account, images_total=0).submitted())
    assert isinstance(held, TokensHeld)
    assert held.amount == 0


@pytest.mark.parametrize("ending", ["enhanced", "failed", "cancelled"])
async def test_an_image_is_settled_once_however_often_it_ends(ledger, account, ending) -> None:
    run = Run(account, images_total=2, price_tokens=3)
    await hear(ledger, TERMS, run.submitted())
    event = getattr(run, ending)(0)
    heard = await asyncio.gather(*[hear(ledger, TERMS, event, event) for _ in range(3)])
    about = {"account_id": account, "job_id": run.job_id, "run": 1, "amount": 3, "images": 1, "held": 3}
    expected = (
        TokensCaptured(**about, balance=7, account_version=3)
        if ending == "enhanced"
        else TokensVoided(**about, balance=10, account_version=3, result=ending, image_ids=run.image_ids[:1])
    )
    assert plain(event for events in heard for event in events) == [expected]
    assert await balance(ledger, account) == (7 if ending == "enhanced" else 10, 3)


async def test_the_earlier_of_failed_and_succeeded_stands(ledger, account) -> None:
    run = Run(account, images_total=3)
    await hear(ledger, TERMS, run.submitted())
    await hear(ledger, TERMS, run.failed(0), run.enhanced(1))
    assert await hear(ledger, TERMS, run.enhanced(0), run.failed(1), run.cancelled(0)) == []
    assert await balance(ledger, account) == (9, 1)
    (captured,) = await hear(ledger, TERMS, run.enhanced(2), run.failed(2))
    assert isinstance(captured, TokensCaptured)
    assert await balance(ledger, account) == (8, 0)


async def test_a_batch_settles_each_account_run_and_result_apart(ledger, account) -> None:
    one, two, other = Run(account, 4), Run(account, 2, 2), Run(f"{account}-b", 1, 10)
    await hear(ledger, TERMS, *[run.submitted() for run in (one, two, other)])
    ended = [one.enhanced(0), two.failed(0), one.enhanced(1), other.enhanced(0), one.failed(2), two.enhanced(1)]
    events = await hear(ledger, TERMS, *ended, one.cancelled(3))
    assert {(type(event), event.job_id, event.amount, event.images) for event in events} == {
        (TokensCaptured, one.job_id, 2, 2),
        (TokensVoided, one.job_id, 1, 1),  # one that failed, and one that was cancelled
        (TokensCaptured, two.job_id, 2, 1),
        (TokensVoided, two.job_id, 2, 1),
        (TokensCaptured, other.job_id, 10, 1),
    }
    voided = {event.image_ids: event.result for event in events if isinstance(event, TokensVoided)}
    assert voided == {
        one.image_ids[2:3]: "failed",
        one.image_ids[3:]: "cancelled",
        two.image_ids[:1]: "failed",
    }
    assert sorted(event.account_version for event in events if event.account_id == account) == [4, 5, 6, 7, 8]
    assert await balance(ledger, account) == (6, 0)
    assert await balance(ledger, f"{account}-b") == (0, 0)


async def test_a_large_run_that_is_cancelled_is_told_in_parts(ledger, account) -> None:
    run = Run(account, images_total=IMAGES_TOLD_MAX + 1)
    rich = Terms(TERMS.regeneration, opening_tokens=run.images_total)
    await hear(ledger, rich, run.submitted())
    events = await hear(ledger, rich, run.cancelled(*range(run.images_total)))
    assert [(event.amount, event.held, event.account_version) for event in events] == [
        (IMAGES_TOLD_MAX, 1, 3),
        (1, 0, 4),
    ]
    assert {image_id for event in events for image_id in event.image_ids} == set(run.image_ids)


async def test_what_is_captured_is_revenue(ledger, account) -> None:
    run = Run(account, images_total=4)
    await hear(ledger, TERMS, run.submitted())
    await hear(ledger, TERMS, run.enhanced(0), run.enhanced(1), run.failed(2))
    await hear(ledger, TERMS, run.enhanced(3))
    async with ledger.connection() as connection:
        entries = await connection.fetch(
            """
            SELECT account_id, amount, reason
            FROM entries JOIN transfers USING (transfer_id)
            WHERE job_id = $1
            ORDER BY transfer_id, amount
            """,
            run.job_id,
        )
    assert [tuple(entry) for entry in entries] == [
        (account, -2, "capture"),
        (REVENUE, 2, "capture"),
        (account, -1, "capture"),
        (REVENUE, 1, "capture"),
    ]


async def test_runs_of_one_job_are_held_and_settled_apart(ledger, account) -> None:
    first = Run(account, images_total=2)
    again = Run(account, images_total=1, run=2, job_id=first.job_id, image_ids=first.image_ids[1:])
    await hear(ledger, TERMS, first.submitted())
    await hear(ledger, TERMS, first.enhanced(0), first.failed(1))
    await hear(ledger, TERMS, again.submitted())
    assert await balance(ledger, account) == (9, 1)
    await hear(ledger, TERMS, again.enhanced(0), first.enhanced(1))
    assert await balance(ledger, account) == (8, 0)


async def test_an_image_that_ends_before_its_hold_waits_and_holds_nobody_up(ledger, account) -> None:
    early, ready = Run(account), Run(account)
    await hear(ledger, TERMS, ready.submitted())
    ended = early.enhanced()
    delivered = await deliver(ledger, [ended, ready.enhanced()], TERMS)
    assert [type(event) for event in delivered.emitted] == [TokensCaptured]
    assert delivered.waiting == [ended]
    await hear(ledger, TERMS, early.submitted())
    assert [type(event) for event in await hear(ledger, TERMS, *delivered.waiting)] == [TokensCaptured]


async def test_an_image_of_an_unknown_account_opens_nothing(ledger, account) -> None:
    with pytest.raises(NotYet) as raised:
        await hear(ledger, TERMS, Run(account).enhanced())
    assert raised.value.seconds == 1
    assert await count(ledger, "accounts", account) == 0


async def test_a_run_and_its_images_in_one_batch_need_no_order(ledger, account) -> None:
    run = Run(account, images_total=2)
    events = await hear(ledger, TERMS, run.enhanced(0), run.submitted(), run.failed(1))
    assert [type(event) for event in events] == [TokensGranted, TokensHeld, TokensCaptured, TokensVoided]
    assert await balance(ledger, account) == (9, 0)


async def test_work_without_a_price_is_metered_and_nothing_else(ledger, account) -> None:
    run = Run(account, images_total=5, price_tokens=0)
    assert await hear(ledger, EMPTY, run.enhanced(0), run.failed(1)) == []
    assert await hear(ledger, EMPTY, run.enhanced(2), run.cancelled(3, 4)) == []
    assert [await count(ledger, table, account) for table in ("accounts", "holds", "entries", "usage")] == [0, 0, 0, 1]
    async with ledger.connection() as connection:
        usage = await connection.fetchrow("SELECT * FROM usage WHERE account_id = $1", account)
    assert tuple(usage)[2:] == (2, 1, 2, 2 * SOURCE_BYTES, 2 * RENDITION_BYTES)
    assert abs((usage["day"] - datetime.now(UTC).date()).days) <= 1


async def test_one_batch_opens_an_account_once_whoever_names_it(ledger, account) -> None:
    said = [AccountOpened(account_id=account), submitted(account), Run(account).submitted()]
    events = await book(ledger, await decide(said, TERMS))
    assert [type(event) for event in events] == [TokensGranted, TokensHeld]
