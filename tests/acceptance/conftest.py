"""What acceptance tests share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.album_callers import Callers, callers_of

GatewayRows = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def gateway_rows(stack: Stack) -> GatewayRows:
    """Ask the gateway's tables: `await gateway_rows(sql, *arguments)`."""

    async def ask(sql: str, *arguments: object) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(stack.urls.postgres["gateway"])
        try:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    return ask


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def callers(stack: Stack) -> AsyncIterator[Callers]:
    """Who opens accounts with keys and tokens."""
    async with callers_of(stack) as opened:
        yield opened
