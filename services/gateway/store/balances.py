"""SQL over balances: a copy of what the ledger last said of each account, and what it decided about runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class TokensDecided:
    """Whether a run's tokens are held, and what is available to its account after that."""

    job_id: UUID
    run: int
    held: bool
    available: int | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """An account after a change."""

    account_id: str
    balance: int
    held: int
    version: int
    regenerated_at: datetime | None = None


async def upsert_balances(connection: Connection, balances: Sequence[Balance]) -> None:
    """Keep the newest of each account; its row is locked until the transaction ends."""
    newest = {each.account_id: each for each in sorted(balances, key=lambda each: each.version)}
    ordered = [newest[account_id] for account_id in sorted(newest)]
    await connection.execute(
        """
        INSERT INTO balances (account_id, balance, held, version, regenerated_at)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
        ON CONFLICT (account_id) DO UPDATE
        SET balance = excluded.balance, held = excluded.held, version = excluded.version,
            regenerated_at = coalesce(excluded.regenerated_at, balances.regenerated_at)
        WHERE balances.version < excluded.version
        """,
        [each.account_id for each in ordered],
        [each.balance for each in ordered],
        [each.held for each in ordered],
        [each.version for each in ordered],
        [each.regenerated_at for each in ordered],
    )


async def find_balance(connection: Connection, account_id: str) -> asyncpg.Record | None:
    """What is known of an account's tokens (`posted`: held ones included), and when; None: there is no such account.

    An account that the ledger has not spoken of yet (version 0) has nothing, and its clock runs since it was made.
    """
    return await connection.fetchrow(
        """
        SELECT coalesce(balance, 0) AS posted, coalesce(held, 0) AS held, coalesce(version, 0) AS version,
               coalesce(regenerated_at, created_at) AS regenerated_at, now() AS seen_at,
               coalesce(spent, 0) AS spent, coalesce(earned, 0) AS earned, coalesce(refunded, 0) AS refunded,
               coalesce(transactions, 0) AS transactions
        FROM accounts
        LEFT JOIN balances USING (account_id)
        WHERE account_id = $1
        """,
        account_id,
    )
