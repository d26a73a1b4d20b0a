"""Fixtures: the ledger in a real Postgres."""

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.db import Database
from tests.ledger_books import open_ledger


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ledger(postgres_url: str) -> AsyncIterator[Database]:
    """The ledger's database; the tests of a module share it and use accounts of their own."""
    async with open_ledger(postgres_url) as opened:
        yield opened
