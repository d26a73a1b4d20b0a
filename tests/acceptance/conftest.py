"""What acceptance tests share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.album_callers import Callers, callers_of
from tests.callers import Caller, new_caller

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


@pytest.fixture
async def alice(stack: Stack) -> AsyncIterator[Caller]:
    """An account of the test's own."""
    async with await new_caller(stack) as client:
        yield client


@pytest.fixture
async def bob(stack: Stack) -> AsyncIterator[Caller]:
    """Another account."""
    async with await new_caller(stack) as client:
        yield client


@pytest.fixture
async def nobody(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a key."""
    async with httpx.AsyncClient(base_url=stack.urls.gateway, timeout=40) as client:
        yield client
