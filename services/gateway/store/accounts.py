"""SQL over accounts and the digests of their API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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


async def find_balance(connection: Connection, account_id: str) -> asyncpg.Record | None:
    """An account with what the ledger last said of it (nulls: nothing yet)."""
    return await connection.fetchrow(
        """
        SELECT account_id, name, created_at, balance - held AS available, held
        FROM accounts
        LEFT JOIN balances USING (account_id)
        WHERE account_id = $1
        """,
        account_id,
    )


async def list_balances(connection: Connection, limit: int, offset: int) -> list[asyncpg.Record]:
    """Accounts with what the ledger last said of them, the oldest first."""
    return await connection.fetch(
        """
        SELECT account_id, name, created_at, balance - held AS available, held
        FROM accounts
        LEFT JOIN balances USING (account_id)
        ORDER BY created_at, account_id
        LIMIT $1 OFFSET $2
        """,
        limit,
        offset,
    )


async def count_accounts(connection: Connection) -> int:
    """How many there are."""
    return int(await connection.fetchval("SELECT count(*) FROM accounts"))


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


async def find_key_by_id(connection: Connection, key_id: UUID) -> asyncpg.Record | None:
    """A key, also a revoked one."""
    return await connection.fetchrow("SELECT * FROM api_keys WHERE key_id = $1", key_id)


async def list_keys(connection: Connection, account_id: str, limit: int, offset: int) -> list[asyncpg.Record]:
    """An account's keys without their digests, revoked ones too, the oldest first."""
    return await connection.fetch(
        """
        SELECT key_id, handle, label, admin, created_at, last_used_at, revoked_at
        FROM api_keys
        WHERE account_id = $1
        ORDER BY created_at, key_id
        LIMIT $2 OFFSET $3
        """,
        account_id,
        limit,
        offset,
    )


async def count_keys(connection: Connection, account_id: str) -> int:
    """How many keys an account has or had."""
    return int(await connection.fetchval("SELECT count(*) FROM api_keys WHERE account_id = $1", account_id))


async def lock_admin_keys(connection: Connection) -> list[UUID]:
    """The admin keys that are valid; none of them is revoked by others before this transaction has ended."""
    rows = await connection.fetch(
        """
        SELECT key_id
        FROM api_keys
        WHERE admin
          AND revoked_at IS NULL
        ORDER BY key_id
        FOR UPDATE
        """
    )
    return [row["key_id"] for row in rows]


async def mark_revoked(connection: Connection, key_id: UUID) -> asyncpg.Record:
    """End a key; when it was revoked before, that stands."""
    row = await connection.fetchrow(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1 RETURNING *", key_id
    )
    assert row is not None
    return row


async def note_uses(connection: Connection, key_ids: Sequence[UUID], used_at: Sequence[datetime]) -> None:
    """Write when keys were used last, unless that was written within a minute; rows that others write now are left."""
    await connection.execute(
        """
        WITH due AS (
            SELECT api_keys.key_id, used.used_at
            FROM api_keys
            JOIN unnest($1::uuid[], $2::timestamptz[]) AS used (key_id, used_at) USING (key_id)
            WHERE last_used_at IS NULL
               OR last_used_at <= used.used_at - interval '1 minute'
            FOR UPDATE OF api_keys SKIP LOCKED
        )
        UPDATE api_keys
        SET last_used_at = due.used_at
        FROM due
        WHERE api_keys.key_id = due.key_id
        """,
        key_ids,
        used_at,
    )
