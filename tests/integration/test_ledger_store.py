"""The ledger's statements by themselves: what guards them holds even where their callers already take care."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.ledger import recorders
from services.ledger.domain import Change, Clock, ClockMove, Settlement, Terms, Transfer
from services.ledger.store import accounts, settlements, transfers
from shared.db import Database
from shared.errors import NotYet
from shared.events import AccountOpened
from shared.regeneration import Regeneration
from tests.ledger_books import clock_of, hear
from tests.ledger_events import Run

pytest_plugins = ("tests.ledger_database",)

TERMS = Terms(Regeneration(seconds=900), opening_tokens=10)


async def opened(ledger: Database, *names: str) -> list[str]:
    """Accounts of these names, opened in this order."""
    names = tuple(f"{name}-{uuid4()}" for name in names)
    for name in names:
        await hear(ledger, TERMS, AccountOpened(account_id=name))
    return list(names)


async def test_accounts_are_locked_in_the_order_of_their_names(ledger) -> None:
    names = await opened(ledger, "c", "a", "b")
    async with ledger.transaction() as connection:
        await connection.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        clocks = await accounts.lock_accounts(connection, names)
    assert [clock.account_id for clock in clocks] == sorted(names)


async def test_a_clock_is_moved_only_from_where_it_stands(ledger) -> None:
    (account,) = await opened(ledger, "a")
    stands = await clock_of(ledger, account)
    moved = ClockMove(account, stands, stands + timedelta(minutes=15), 1)
    late = ClockMove(account, stands - timedelta(minutes=15), stands + timedelta(minutes=30), 1)
    async with ledger.transaction() as connection:
        assert await accounts.move_clocks(connection, [late]) == set()
        assert await accounts.move_clocks(connection, [moved]) == {account}
        assert await accounts.move_clocks(connection, [moved]) == set()
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE accounts SET regenerated_at = $2 WHERE account_id = $1", account, stands)


async def test_a_clock_that_was_moved_since_it_was_seen_gives_nothing(ledger) -> None:
    (account,) = await opened(ledger, "a")
    stands = await clock_of(ledger, account)
    seen = Clock(account, 0, stands - timedelta(minutes=30), stands)
    async with ledger.transaction() as connection:
        assert await recorders.regenerate(connection, [seen], [TERMS.known(account)]) == []
    assert await clock_of(ledger, account) == stands


async def test_a_move_of_one_clock_leaves_the_others_alone(ledger) -> None:
    first, second = await opened(ledger, "a", "b")
    before = await clock_of(ledger, second)
    stands = await clock_of(ledger, first)
    async with ledger.transaction() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE accounts SET regenerated_at = $1 WHERE account_id = ANY($2)", stands, [second])
        assert await accounts.move_clocks(connection, [ClockMove(first, stands, stands, 0)]) == {first}
        await connection.execute("UPDATE accounts SET regenerated_at = $1 WHERE account_id = ANY($2)", before, [second])


async def test_a_change_of_one_account_leaves_the_others_alone(ledger) -> None:
    first, second = await opened(ledger, "a", "b")
    async with ledger.transaction() as connection:
        after = await accounts.change_balances(connection, [Change(first, held=1), Change(first, held=2)])
        found = await connection.fetchrow("SELECT held, version FROM accounts WHERE account_id = $1", second)
        assert (after.keys(), after[first].held, after[first].version) == ({first}, 3, 3)
        assert tuple(found) == (0, 1)
        await accounts.change_balances(connection, [Change(first, held=-3)])


async def test_a_transfer_is_new_once(ledger) -> None:
    (account,) = await opened(ledger, "a")
    gift = Transfer(f"grant:{uuid4()}", "bonus", "system:issuance", account, 5)
    async with ledger.transaction() as connection:
        assert await transfers.insert_transfers(connection, [gift]) == {gift.key}
        assert await transfers.insert_transfers(connection, [gift]) == set()
        await accounts.change_balances(connection, [Change(account, posted=5)])


async def test_only_what_succeeded_is_reversed_and_once(ledger) -> None:
    (account,) = await opened(ledger, "a")
    run = Run(account, images_total=3)
    await hear(ledger, TERMS, run.submitted(), run.enhanced(0), run.failed(1))
    cancelled = [Settlement(run.job_id, 1, image_id, "cancelled") for image_id in run.image_ids]
    async with ledger.transaction() as connection:
        attempt = connection.transaction()
        await attempt.start()
        (reversed_run,) = await settlements.reverse_settlements(connection, cancelled)
        assert reversed_run.image_ids == [run.image_ids[0]]
        assert await settlements.reverse_settlements(connection, cancelled) == []
        await attempt.rollback()


async def test_an_image_of_a_run_waits_for_the_hold_of_just_that_run(ledger) -> None:
    (account,) = await opened(ledger, "a")
    run = Run(account)
    again = Run(account, run=2, job_id=run.job_id, image_ids=run.image_ids)
    await hear(ledger, TERMS, run.submitted())
    with pytest.raises(NotYet):
        await hear(ledger, TERMS, again.enhanced())
    other = Run(account, job_id=run.image_ids[0])
    with pytest.raises(NotYet):
        await hear(ledger, TERMS, other.enhanced())
