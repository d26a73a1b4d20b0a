"""The ledger's books in a real Postgres, and how events reach them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import services.ledger
from services.ledger.handlers import SERVICE
from services.ledger.invariants import find_violations
from services.ledger.ports import Ports
from shared.db import MIGRATIONS, Database, migrate
from shared.errors import NotYet
from shared.events import Event
from shared.outcome import Outcome

START_SECONDS_MAX = 30
CONNECTIONS_MAX = 16


@asynccontextmanager
async def open_ledger(url: str) -> AsyncIterator[Database]:
    """The ledger's database, migrated; at the end its books must be right."""
    async with asyncio.timeout(START_SECONDS_MAX):
        database = await Database.open(url, "ledger", connections_max=CONNECTIONS_MAX)
    try:
        await migrate(database, MIGRATIONS / "messaging", Path(services.ledger.__file__).parent / "migrations")
        yield database
        async with database.connection() as connection:
            assert await find_violations(connection) == []
    finally:
        await database.close()


async def decide(events: Sequence[Event], ports: Ports) -> list[Outcome]:
    """What the handlers say to the events."""
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


@dataclass(frozen=True)
class Delivered:
    """What became of a batch: events that followed, and events that must come again."""

    emitted: list[Event]
    waiting: list[Event]


Journal = Callable[[Sequence[Event], bool], None]


async def deliver(
    database: Database, events: Sequence[Event], ports: Ports, journal: Journal = lambda _events, _booked: None
) -> Delivered:
    """Book events together; if one of them has to wait, each alone. `journal` hears what was booked, in order."""
    try:
        emitted = await book(database, await decide(events, ports))
    except NotYet:
        if len(events) == 1:
            journal(events, False)
            return Delivered([], list(events))
        parts = [await deliver(database, [event], ports, journal) for event in events]
        return Delivered(
            [event for part in parts for event in part.emitted], [event for part in parts for event in part.waiting]
        )
    journal(events, True)
    return Delivered(emitted, [])
