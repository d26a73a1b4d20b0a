"""Fixtures: the ledger in a real Postgres, which DARKROOM_TEST_POSTGRES_URL names, or else a private one."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.db import Database
from tests.ledger_books import open_ledger
from tests.private_postgres import postgres


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
