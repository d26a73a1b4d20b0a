"""Fixtures: the ledger in a real Postgres, which DARKROOM_TEST_POSTGRES_URL names, or else a private one."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

import services.ledger
from services.ledger.invariants import find_violations
from shared.db import MIGRATIONS, Database, migrate
from tests.private_postgres import postgres

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


@pytest.fixture(scope="session")
def ledger_postgres_url() -> Iterator[str]:
    """Where Postgres is."""
    if given := os.environ.get("DARKROOM_TEST_POSTGRES_URL"):
        yield given
        return
    with postgres("fsync=off") as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ledger(ledger_postgres_url: str) -> AsyncIterator[Database]:
    """The ledger's database; tests share it and use accounts of their own."""
    async with open_ledger(ledger_postgres_url) as opened:
        yield opened
