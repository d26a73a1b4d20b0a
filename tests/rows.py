"""Rows as they stand in the services' tables."""

from typing import Any

import asyncpg


async def ask(url: str, sql: str) -> list[dict[str, Any]]:
    """Rows of one service's schema."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return [dict(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
