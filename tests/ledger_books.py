"""The ledger's books in a real Postgres, and how events reach them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import asyncpg

import services.ledger
from services.ledger.domain import Terms
from services.ledger.handlers import SERVICE
from services.ledger.invariants import find_violations
from shared.db import MIGRATIONS, Database, migrate
from shared.errors import NotYet
from shared.events import Event, TokenEvent
from shared.outcome import Outcome

START_SECONDS_MAX = 30
CONNECTIONS_MAX = 16


@asynccontextmanager
async def open_ledger(url: str, connections_max: int = CONNECTIONS_MAX) -> AsyncIterator[Database]:
    """The ledger's database, migrated; at the end its books must be right."""
    await _commit_without_waiting(url)
    async with asyncio.timeout(START_SECONDS_MAX):
        database = await Database.open(url, "ledger", connections_max=connections_max)
    try:
        await migrate(database, MIGRATIONS / "messaging", Path(services.ledger.__file__).parent / "migrations")
        yield database
        async with database.connection() as connection:
            assert await find_violations(connection) == []
    finally:
        await database.close()


async def _commit_without_waiting(url: str) -> None:
    """No test here ends the server, so none needs its log on disk."""
    connection = await asyncpg.connect(url, timeout=START_SECONDS_MAX)
    try:
        name = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    finally:
        await connection.close()


async def decide(events: Sequence[Event], terms: Terms) -> list[Outcome]:
    """What the handlers say to the events; they look at nothing but the terms."""
    ports = SimpleNamespace(terms=terms)
    return [await SERVICE.handlers[type(event)](event, ports) for event in events]


async def book(database: Database, outcomes: Sequence[Outcome]) -> list[Event]:
    """Record outcomes in one transaction, as the loop does after the inbox."""
    rows = [row for outcome in outcomes for row in outcome.record]
    events: list[Event] = []
    async with database.transaction() as connection:
        for kind, recorder in SERVICE.recorders.items():
            if found := [row for row in rows if type(row) is kind]:
                events += await recorder(connection, found)
    return events


async def hear(database: Database, terms: Terms, *events: Event) -> list[Event]:
    """Book events in one transaction; what follows from them."""
    return await book(database, await decide(events, terms))


def plain(events: Iterable[Event]) -> list[Event]:
    """The events without their times, which every event about an account must have."""
    found = []
    for event in events:
        assert isinstance(event, TokenEvent)
        assert event.changed_at is not None
        assert event.regenerated_at is not None
        assert event.regenerated_at <= event.changed_at
        found.append(event.model_copy(update={"changed_at": None, "regenerated_at": None}))
    return found


async def balance(database: Database, account_id: str) -> tuple[int, int]:
    """Posted and held tokens."""
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT posted, held FROM accounts WHERE account_id = $1", account_id)
    assert row is not None
    return row["posted"], row["held"]


async def empty_books(database: Database) -> None:
    """Begin anew, which nothing but a test can do."""
    async with database.transaction() as connection:
        await connection.execute(
            """
            SET LOCAL session_replication_role = replica;
            TRUNCATE entries, transfers, settlements, holds, usage;
            DELETE FROM accounts WHERE NOT system
            """
        )


async def turn_back(database: Database, account_id: str, by: timedelta) -> None:
    """Let time pass for an account: its clock stands earlier than it did, which nothing but a test can do."""
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "UPDATE accounts SET regenerated_at = regenerated_at - $2::interval WHERE account_id = $1", account_id, by
        )


async def clock_of(database: Database, account_id: str) -> datetime:
    """Up to when an account's regeneration is credited."""
    async with database.connection() as connection:
        found = await connection.fetchval("SELECT regenerated_at FROM accounts WHERE account_id = $1", account_id)
    assert isinstance(found, datetime)
    return found


@dataclass(frozen=True)
class Delivered:
    """What became of a batch: events that followed, and events that must come again."""

    emitted: list[Event]
    waiting: list[Event]


Journal = Callable[[Sequence[Event], bool], None]


async def deliver(
    database: Database, events: Sequence[Event], terms: Terms, journal: Journal = lambda _events, _booked: None
) -> Delivered:
    """Book events together; if one of them has to wait, each alone. `journal` hears what was booked, in order."""
    try:
        emitted = await book(database, await decide(events, terms))
    except NotYet:
        if len(events) == 1:
            journal(events, False)
            return Delivered([], list(events))
        parts = [await deliver(database, [event], terms, journal) for event in events]
        return Delivered(
            [event for part in parts for event in part.emitted], [event for part in parts for event in part.waiting]
        )
    journal(events, True)
    return Delivered(emitted, [])
