"""Postgres: a pool with deadlines of our own, and numbered migrations per service under an advisory lock."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import asyncpg

from shared.outcome import Connection

ACQUIRE_SECONDS_MAX = 10
STATEMENT_SECONDS_MAX = 30
POOL_CONNECTIONS_MAX = 8
SESSION = {"jit": "off", "random_page_cost": "1.1"}

MIGRATIONS = Path(__file__).parent / "migrations"

Unavailable = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that was cut in the middle of an answer
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    TimeoutError,
)
"""What a database that is away, or not yet back, raises."""


class Row(Protocol):
    """Named values, as asyncpg's records are."""

    def __getitem__(self, name: str, /) -> Any: ...


class Database:
    """One service's schema behind a pool. Every wait is bounded; a connection that misses a deadline is ended."""

    def __init__(self, pool: "asyncpg.Pool[Any]", url: str, schema: str) -> None:
        self.pool = pool
        self.url = url
        self.schema = schema

    @classmethod
    async def open(cls, url: str, schema: str, *, connections_max: int = POOL_CONNECTIONS_MAX) -> "Database":
        """Connect, waiting for a database that is still starting."""
        while True:
            try:
                pool = await asyncpg.create_pool(
                    url,
                    min_size=1,
                    max_size=connections_max,
                    command_timeout=STATEMENT_SECONDS_MAX,
                    timeout=ACQUIRE_SECONDS_MAX,
                    reset=_keep_as_it_is,
                    server_settings=SESSION | {"search_path": schema, "application_name": f"darkroom {schema}"},
                )
                return cls(pool, url, schema)
            except Unavailable:
                await asyncio.sleep(0.3)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection from the pool, for a short while: never across network or pixel work."""
        connection = await self.pool.acquire(timeout=ACQUIRE_SECONDS_MAX)
        try:
            yield connection
        except (TimeoutError, asyncio.CancelledError):
            connection.terminate()
            raise
        finally:
            await self.pool.release(connection, timeout=ACQUIRE_SECONDS_MAX)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def is_up(self) -> bool:
        """Whether the database answers now."""
        try:
            async with self.connection() as connection:
                return bool(await connection.fetchval("SELECT true", timeout=2))
        except Unavailable:
            return False

    async def close(self) -> None:
        """Close the pool; connections that do not end in time are cut."""
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()


@dataclass(frozen=True, slots=True)
class _Migration:
    name: str
    sql: str

    @classmethod
    def read(cls, file: Path) -> Self:
        owner = file.parent.parent.name if file.parent.name == "migrations" else file.parent.name
        return cls(f"{owner}/{file.stem}", file.read_text())


async def _keep_as_it_is(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Leave out the query by which the pool resets a connection: nothing of ours outlives a transaction on it."""


async def migrate(database: Database, *directories: Path) -> list[str]:
    """Bring the schema up to date; returns the migrations that were run. Safe to call from every replica at once."""
    files = [_Migration.read(file) for directory in directories for file in sorted(directory.glob("[0-9]*.sql"))]
    async with database.connection() as connection:
        await connection.execute("SELECT pg_advisory_lock(hashtext($1))", database.schema)
        try:
            return [file.name for file in files if await _run_once(connection, database.schema, file)]
        finally:
            await connection.execute("SELECT pg_advisory_unlock(hashtext($1))", database.schema)


async def _run_once(connection: Connection, schema: str, file: _Migration) -> bool:
    if not re.fullmatch(r"[a-z]+", schema):
        raise ValueError(f"not a schema name: {schema}")
    if not await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", schema):
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    async with connection.transaction():
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS migrations (
                name text PRIMARY KEY,
                run_at timestamptz NOT NULL DEFAULT now()
            )
            """
        )
        new = await connection.fetchval(
            "INSERT INTO migrations (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", file.name
        )
        if new:
            await connection.execute(file.sql, timeout=600)
        return bool(new)
