"""What the ledger's tables refuse, what crowds cannot break, and what an auditor would find."""

import asyncio
import random
from uuid import uuid4

import asyncpg
import pytest

from services.ledger.invariants import find_violations
from services.ledger.ports import Ports
from shared.db import Database
from shared.events import Event, TokensCaptured, TokensDeclined, TokensHeld, TokensVoided
from tests.ledger_books import book, decide
from tests.ledger_events import Run

pytest_plugins = ("tests.ledger_database",)

PORTS = Ports(opening_tokens=10)
ROUNDS = 10


async def hear(ledger: Database, *events: Event, ports: Ports = PORTS) -> list[Event]:
    """Book events in one transaction; what follows from them."""
    return await book(ledger, await decide(events, ports))


@pytest.fixture
async def run(ledger) -> Run:
    """A run of three images at 2 tokens: held 6 of 10, one image captured, one voided."""
    run = Run(f"account-{uuid4()}", images_total=3, price_tokens=2)
    await hear(ledger, run.submitted())
    await hear(ledger, run.enhanced(0), run.failed(1))
    return run


REFUSED = {
    "entries_changed": ("UPDATE entries SET amount = 1", "append-only"),
    "entries_deleted": ("DELETE FROM entries", "append-only"),
    "entries_emptied": ("TRUNCATE entries", "append-only"),
    "transfers_changed": ("UPDATE transfers SET reason = ''", "append-only"),
    "transfers_deleted": ("DELETE FROM transfers", "append-only"),
    "transfers_emptied": ("TRUNCATE transfers CASCADE", "append-only"),
    "more_held_than_posted": ("UPDATE accounts SET held = posted + 1 WHERE NOT system", "accounts_held_within_posted"),
    "less_than_nothing_held": ("UPDATE accounts SET held = -1 WHERE NOT system", "accounts_held_within_posted"),
    "a_system_balance": ("UPDATE accounts SET posted = 1 WHERE system", "accounts_system_keeps_no_balance"),
    "more_captured_than_held": ("UPDATE holds SET captured = amount + 1", "holds_state"),
    "less_than_nothing_captured": ("UPDATE holds SET captured = -1, voided = 1", "holds_state"),
    "a_declined_hold_captured": ("UPDATE holds SET state = 'declined'", "holds_state"),
    "a_hold_settled_early": ("UPDATE holds SET state = 'settled' WHERE state = 'held'", "holds_state"),
    "a_hold_of_another_amount": ("UPDATE holds SET amount = amount + 1", "holds_amount"),
    "an_image_settled_again": (
        "INSERT INTO settlements SELECT image_id, run, job_id, result, amount FROM settlements",
        "settlements_once",
    ),
    "a_run_held_again": (
        "INSERT INTO holds SELECT * FROM holds",
        "holds_one_per_run",
    ),
    "a_transfer_made_again": (
        "INSERT INTO transfers (transfer_key, reason) SELECT transfer_key, reason FROM transfers",
        "transfers_once",
    ),
    "a_single_entry": (
        """
        WITH made AS (INSERT INTO transfers (transfer_key, reason) VALUES ('one', 'gift') RETURNING transfer_id)
        INSERT INTO entries SELECT transfer_id, 'system:issuance', -1 FROM made
        """,
        "do not sum to zero",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_the_tables_refuse(ledger, run, name) -> None:
    statement, reason = REFUSED[name]
    with pytest.raises(asyncpg.PostgresError, match=reason):
        async with ledger.transaction() as connection:
            await connection.execute(statement)


async def test_more_images_than_were_paid_for_change_nothing(ledger, run) -> None:
    await hear(ledger, run.enhanced(2))
    surplus = Run(run.account_id, 1, 2, job_id=run.job_id)
    async with ledger.connection() as connection:
        before = await connection.fetchrow("SELECT * FROM accounts WHERE account_id = $1", run.account_id)
    with pytest.raises(asyncpg.CheckViolationError):
        await hear(ledger, surplus.enhanced())
    async with ledger.connection() as connection:
        assert before == await connection.fetchrow("SELECT * FROM accounts WHERE account_id = $1", run.account_id)


FORGED = {
    "UPDATE accounts SET posted = posted + 1 WHERE NOT system": "account",
    "UPDATE accounts SET held = held + 1 WHERE NOT system AND held < posted": "account",
    "UPDATE holds SET captured = captured - 1, voided = voided + 1 WHERE captured > 0": "hold",
    "UPDATE holds SET images_total = images_total + 1, amount = amount + price_tokens WHERE state = 'held'": "account",
    "UPDATE settlements SET result = 'failed'": "hold",
    "DELETE FROM settlements": "hold",
    "UPDATE entries SET amount = amount * 2 WHERE amount > 0": "transfer",
    "DELETE FROM entries": "transfer",
    "DELETE FROM transfers WHERE reason = 'capture'": "hold",
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_an_auditor_finds(ledger, run, forgery) -> None:
    async with ledger.connection() as connection:
        attempt = connection.transaction()
        await attempt.start()
        try:
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(forgery)
            found = await find_violations(connection)
        finally:
            await attempt.rollback()
        assert [sentence for sentence in found if sentence.startswith(FORGED[forgery])]
        assert await find_violations(connection) == []


async def test_a_crowd_never_sells_a_token_twice(ledger) -> None:
    tokens, tasks, runs_per_task = 1_000, 64, 8
    dice = random.Random(1)
    account = f"crowd-{uuid4()}"
    await hear(ledger, Run(account, price_tokens=0).submitted(), ports=Ports(opening_tokens=tokens))

    async def submit(runs: list[Run]) -> list[Event]:
        return [event for run in runs for event in await hear(ledger, run.submitted())]

    runs = [[Run(account, dice.randint(1, 4), dice.randint(1, 3)) for _ in range(runs_per_task)] for _ in range(tasks)]
    heard = [event for events in await asyncio.gather(*map(submit, runs)) for event in events]
    held = [event.amount for event in heard if isinstance(event, TokensHeld)]
    declined = [event.amount for event in heard if isinstance(event, TokensDeclined)]
    assert len(held) + len(declined) == tasks * runs_per_task
    free = tokens - sum(held)
    assert 0 <= free < min(declined)


async def test_replicas_that_settle_the_same_images_in_any_order_settle_each_once(ledger) -> None:
    """Overlapping batches over many accounts, submissions among them: nobody waits in a circle."""
    dice = random.Random(2)
    runs = [Run(f"replica-{place}-{uuid4()}", images_total=10) for place in range(8)]
    await hear(ledger, *[run.submitted() for run in runs])
    events: list[Event] = [getattr(run, dice.choice(("enhanced", "failed")))(at) for run in runs for at in range(10)]

    async def replica(seed: int) -> list[Event]:
        shuffled = random.Random(seed).sample(events, len(events))
        heard: list[Event] = []
        for start in range(0, len(shuffled), 16):
            more = [Run(run.account_id, price_tokens=100).submitted() for run in random.Random(start).sample(runs, 4)]
            heard += await hear(ledger, *shuffled[start : start + 16], *more)
        return heard

    heard = [event for events in await asyncio.gather(*map(replica, range(6))) for event in events]
    settled = [event for event in heard if isinstance(event, TokensCaptured | TokensVoided)]
    assert sum(event.images for event in settled) == len(events)
    versions = [(event.account_id, event.account_version) for event in settled]
    by_version = {
        version: [event for event in settled if (event.account_id, event.account_version) == version]
        for version in versions
    }
    assert all(len({(event.balance, event.held) for event in group}) == 1 for group in by_version.values())


@pytest.mark.parametrize("ending", ["submitted", "failed"])
async def test_replicas_that_open_or_meter_the_same_accounts_do_not_wait_in_a_circle(ledger, ending) -> None:
    for _ in range(ROUNDS):
        runs = [Run(f"many-{place}-{uuid4()}", price_tokens=0) for place in range(200)]
        batches = [random.Random(seed).sample(runs, len(runs)) for seed in range(8)]
        await asyncio.gather(*[hear(ledger, *[getattr(run, ending)() for run in batch]) for batch in batches])
