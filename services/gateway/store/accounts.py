"""SQL over accounts and the digests of their API keys."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is kept: found by its handle, proven by its digest."""

    key_id: UUID
    account_id: str
    handle: str
    digest: bytes
    label: str = ""
    admin: bool = False


async def insert_account(connection: Connection, account_id: str, name: str) -> asyncpg.Record | None:
    """Make an account; None when there is one of that id."""
    return await connection.fetchrow(
        """
        INSERT INTO accounts (account_id, name)
        VALUES ($1, $2)
        ON CONFLICT (account_id) DO NOTHING
        RETURNING *
        """,
        account_id,
        name,
    )


async def find_account(connection: Connection, account_id: str) -> asyncpg.Record | None:
    """An account."""
    return await connection.fetchrow("SELECT * FROM accounts WHERE account_id = $1", account_id)


async def insert_key(connection: Connection, key: NewKey) -> asyncpg.Record | None:
    """Keep a key; None when it is kept already."""
    return await connection.fetchrow(
        """
        INSERT INTO api_keys (key_id, account_id, handle, digest, label, admin)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (handle) DO NOTHING
        RETURNING *
        """,
        key.key_id,
        key.account_id,
        key.handle,
        key.digest,
        key.label,
        key.admin,
    )


async def find_key(connection: Connection, handle: str) -> asyncpg.Record | None:
    """The key that begins so, unless it was revoked."""
    return await connection.fetchrow(
        """
        SELECT key_id, account_id, digest, admin
        FROM api_keys
        WHERE handle = $1
          AND revoked_at IS NULL
        """,
        handle,
    )
