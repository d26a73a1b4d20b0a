"""How Postgres goes about our statements: a connection that explains each before it runs it."""

import re
from typing import Any

import asyncpg

from shared.outcome import Connection

READ_ROWS = re.compile(r"(?:Scan|Only Scan)[^\n]*\(actual time=[\d.]+ rows=(\d+) loops=(\d+)\)")


class Explained:
    """A connection whose statements' plans are kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plans: list[str] = []

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Explain it, then run it."""
        await self._explain(statement, *arguments)
        return list(await self._connection.fetch(statement, *arguments))

    async def fetchrow(self, statement: str, *arguments: Any) -> asyncpg.Record | None:
        """Explain it, then run it."""
        await self._explain(statement, *arguments)
        return await self._connection.fetchrow(statement, *arguments)

    def most_rows_read(self) -> int:
        """Of all scans of tables and indexes, what the largest has read."""
        return max(int(rows) * int(loops) for plan in self.plans for rows, loops in READ_ROWS.findall(plan))

    async def _explain(self, statement: str, *arguments: Any) -> None:
        rows = await self._connection.fetch(f"EXPLAIN (ANALYZE) {statement}", *arguments)
        self.plans.append("\n".join(row[0] for row in rows))
