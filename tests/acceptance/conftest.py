"""What acceptance tests share."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from deploy.local.stack import Stack

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
