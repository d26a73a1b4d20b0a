"""The ledger's books, written by its recorders into a real Postgres."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.ledger.domain import REVENUE, Account, Grant
from services.ledger.ports import Ports
from shared.db import Database
from shared.errors import NotYet
from shared.events import Event, TokensCaptured, TokensDeclined, TokensGranted, TokensHeld, TokensVoided
from shared.outcome import Outcome
from tests.ledger_books import book, decide, deliver
from tests.ledger_events import RENDITION_BYTES, SOURCE_BYTES, Run

pytest_plugins = ("tests.ledger_database",)

PORTS = Ports(opening_tokens=10)


@pytest.fixture
def account() -> str:
    return f"account-{uuid4()}"


async def hear(ledger: Database, *events: Event, ports: Ports = PORTS) -> list[Event]:
    """Book events in one transaction; what follows from them."""
    return await book(ledger, await decide(events, ports))


async def balance(ledger: Database, account: str) -> tuple[int, int]:
    """Posted and held tokens."""
    async with ledger.connection() as connection:
        row = await connection.fetchrow("SELECT posted, held FROM accounts WHERE account_id = $1", account)
    assert row is not None
    return row["posted"], row["held"]


async def count(ledger: Database, table: str, account: str) -> int:
    """Rows of an account."""
    async with ledger.connection() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM {table} WHERE account_id = $1", account)


async def test_an_account_gets_its_opening_grant_once(ledger, account) -> None:
    heard = await asyncio.gather(*[hear(ledger, Run(account, price_tokens=0).submitted()) for _ in range(3)])
    assert [event for events in heard for event in events] == [
        TokensGranted(account_id=account, amount=10, balance=10, held=0, account_version=1)
    ]
    assert await hear(ledger, Run(account, price_tokens=0).submitted(), ports=Ports(opening_tokens=99)) == []
    assert await balance(ledger, account) == (10, 0)


async def test_an_account_without_an_opening_grant_starts_empty(ledger, account) -> None:
    run = Run(account)
    (declined,) = await hear(ledger, run.submitted(), ports=Ports())
    assert isinstance(declined, TokensDeclined)
    assert await balance(ledger, account) == (0, 0)


async def test_a_grant_with_the_same_key_is_given_once(ledger, account) -> None:
    gift = Outcome(record=[Account(account, 0), Grant(account, 5, f"gift:{account}")])
    heard = await asyncio.gather(book(ledger, [gift, gift]), book(ledger, [gift]), book(ledger, [gift]))
    assert [event.amount for events in heard for event in events if isinstance(event, TokensGranted)] == [5]
    assert await balance(ledger, account) == (5, 0)


async def test_a_run_is_held_once_however_often_it_is_submitted(ledger, account) -> None:
    run = Run(account, images_total=3, price_tokens=2)
    heard = await asyncio.gather(*[hear(ledger, run.submitted(), run.submitted()) for _ in range(3)])
    about = {"account_id": account, "balance": 10}
    assert [event for events in heard for event in events] == [
        TokensGranted(**about, amount=10, held=0, account_version=1),
        TokensHeld(**about, amount=6, held=6, account_version=2, job_id=run.job_id, run=1),
    ]
    assert await balance(ledger, account) == (10, 6)


async def test_a_run_that_is_submitted_again_takes_no_room_from_another(ledger, account) -> None:
    known, new = Run(account, 6), Run(account, 4)
    await hear(ledger, known.submitted())
    (held,) = await hear(ledger, known.submitted(), new.submitted())
    assert isinstance(held, TokensHeld)
    assert held.job_id == new.job_id


async def test_a_run_that_cannot_be_paid_is_declined_and_its_images_move_nothing(ledger, account) -> None:
    run = Run(account, images_total=3, price_tokens=4)
    *_, declined = await hear(ledger, run.submitted())
    assert declined == TokensDeclined(
        account_id=account, amount=12, balance=10, held=0, account_version=2, job_id=run.job_id, run=1
    )
    assert await hear(ledger, run.enhanced(0), run.failed(1), run.cancelled(1, 2)) == []
    assert await balance(ledger, account) == (10, 0)
    assert await hear(ledger, run.submitted()) == []


async def test_a_run_that_is_too_dear_does_not_stand_in_the_way_of_the_next(ledger, account) -> None:
    first, dear, last = Run(account, 2, 3), Run(account, 1, 5), Run(account, 4)
    events = await hear(ledger, *[run.submitted() for run in (last, dear, first)])
    decided = {event.job_id: type(event) for event in events if isinstance(event, TokensHeld | TokensDeclined)}
    assert decided == {first.job_id: TokensHeld, dear.job_id: TokensDeclined, last.job_id: TokensHeld}
    assert await balance(ledger, account) == (10, 10)


async def test_a_priced_run_without_images_is_held_and_settled_at_once(ledger, account) -> None:
    *_, held = await hear(ledger, Run(account, images_total=0).submitted())
    assert isinstance(held, TokensHeld)
    assert held.amount == 0


@pytest.mark.parametrize("ending", ["enhanced", "failed", "cancelled"])
async def test_an_image_is_settled_once_however_often_it_ends(ledger, account, ending) -> None:
    run = Run(account, images_total=2, price_tokens=3)
    await hear(ledger, run.submitted())
    event = getattr(run, ending)(0)
    heard = await asyncio.gather(*[hear(ledger, event, event) for _ in range(3)])
    captured = ending == "enhanced"
    kind = TokensCaptured if captured else TokensVoided
    after = {"balance": 7 if captured else 10, "held": 3, "account_version": 3}
    assert [event for events in heard for event in events] == [
        kind(account_id=account, job_id=run.job_id, run=1, amount=3, images=1, **after)
    ]
    assert await balance(ledger, account) == (after["balance"], after["held"])


async def test_the_earlier_outcome_of_an_image_stands(ledger, account) -> None:
    run = Run(account, images_total=3)
    await hear(ledger, run.submitted())
    await hear(ledger, run.failed(0), run.enhanced(1))
    assert await hear(ledger, run.enhanced(0), run.failed(1), run.cancelled(0, 1)) == []
    assert await balance(ledger, account) == (9, 1)
    (captured,) = await hear(ledger, run.enhanced(2), run.failed(2))
    assert isinstance(captured, TokensCaptured)
    assert await balance(ledger, account) == (8, 0)


async def test_a_batch_moves_each_account_once(ledger, account) -> None:
    one, two, other = Run(account, 3), Run(account, 2, 2), Run(f"{account}-b", 1, 10)
    await hear(ledger, *[run.submitted() for run in (one, two, other)])
    ended = [one.enhanced(0), two.failed(0), one.enhanced(1), other.enhanced(0), one.failed(2), two.enhanced(1)]
    events = await hear(ledger, *ended)
    assert {(type(event), event.job_id, event.amount, event.images) for event in events} == {
        (TokensCaptured, one.job_id, 2, 2),
        (TokensVoided, one.job_id, 1, 1),
        (TokensCaptured, two.job_id, 2, 1),
        (TokensVoided, two.job_id, 2, 1),
        (TokensCaptured, other.job_id, 10, 1),
    }
    assert Counter((event.account_id, event.account_version, event.balance, event.held) for event in events) == {
        (account, 3, 6, 0): 4,
        (f"{account}-b", 3, 0, 0): 1,
    }


async def test_what_is_captured_is_revenue(ledger, account) -> None:
    run = Run(account, images_total=4)
    await hear(ledger, run.submitted())
    await hear(ledger, run.enhanced(0), run.enhanced(1), run.failed(2))
    await hear(ledger, run.enhanced(3))
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
    await hear(ledger, first.submitted())
    await hear(ledger, first.enhanced(0), first.failed(1))
    await hear(ledger, again.submitted())
    assert await balance(ledger, account) == (9, 1)
    await hear(ledger, again.enhanced(0), first.enhanced(1))
    assert await balance(ledger, account) == (8, 0)


async def test_an_image_that_ends_before_its_hold_waits_and_holds_nobody_up(ledger, account) -> None:
    early, ready = Run(account), Run(account)
    await hear(ledger, ready.submitted())
    delivered = await deliver(ledger, [early.enhanced(), ready.enhanced()], PORTS)
    assert [type(event) for event in delivered.emitted] == [TokensCaptured]
    assert delivered.waiting == [early.enhanced().model_copy(update={"timeline": delivered.waiting[0].timeline})]
    await hear(ledger, early.submitted())
    assert [type(event) for event in await hear(ledger, *delivered.waiting)] == [TokensCaptured]


async def test_an_image_of_an_unknown_account_opens_nothing(ledger, account) -> None:
    with pytest.raises(NotYet) as raised:
        await hear(ledger, Run(account).enhanced())
    assert raised.value.seconds == 1
    assert await count(ledger, "accounts", account) == 0


async def test_a_run_and_its_images_in_one_batch_need_no_order(ledger, account) -> None:
    run = Run(account, images_total=2)
    events = await hear(ledger, run.enhanced(0), run.submitted(), run.failed(1))
    assert [type(event) for event in events] == [TokensGranted, TokensHeld, TokensCaptured, TokensVoided]
    assert await balance(ledger, account) == (9, 0)


async def test_work_without_a_price_is_metered_and_nothing_else(ledger, account) -> None:
    run = Run(account, images_total=5, price_tokens=0)
    assert await hear(ledger, run.enhanced(0), run.failed(1), ports=Ports()) == []
    assert await hear(ledger, run.submitted(), run.enhanced(2), run.cancelled(3, 4), ports=Ports()) == []
    assert [await count(ledger, table, account) for table in ("accounts", "holds", "entries", "usage")] == [
        1,
        0,
        0,
        1,
    ]
    async with ledger.connection() as connection:
        usage = await connection.fetchrow("SELECT * FROM usage WHERE account_id = $1", account)
    assert tuple(usage)[2:] == (2, 1, 2, 2 * SOURCE_BYTES, 2 * RENDITION_BYTES)
    assert abs((usage["day"] - datetime.now(UTC).date()).days) <= 1
