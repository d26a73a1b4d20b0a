"""SQL over transactions: each account's statement, line by line, and the sums that follow from its lines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from shared.outcome import Connection

TransactionType = Literal[
    "EARN_REGENERATION",
    "EARN_PURCHASE",
    "EARN_BONUS",
    "SPEND_ENHANCEMENT",
    "SPEND_MCP_GENERATION",
    "SPEND_BOX_CREATION",
    "REFUND",
]
"""The albums door's words; nothing of ours is called SPEND_MCP_GENERATION or SPEND_BOX_CREATION yet."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an account's statement. `version` and `line` are its place, the same whenever it is told again."""

    account_id: str
    version: int
    line: int
    type: TransactionType
    amount: int
    balance_after: int
    source: str
    source_id: str
    created_at: datetime | None
    metadata: dict[str, Any] = field(default_factory=dict)


async def insert_lines(connection: Connection, lines: Sequence[Line]) -> None:
    """Write the lines that are not there yet, and add just these to their accounts' sums (see upsert_balances)."""
    await connection.execute(
        """
        WITH inserted AS (
            INSERT INTO transactions (account_id, version, line, type, amount, balance_after, source, source_id,
                                      created_at, metadata)
            SELECT account_id, version, line, type, amount, balance_after, source, source_id,
                   coalesce(created_at, now()), metadata
            FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
                        $8::text[], $9::timestamptz[], $10::jsonb[])
                 AS told (account_id, version, line, type, amount, balance_after, source, source_id, created_at,
                          metadata)
            ON CONFLICT DO NOTHING
            RETURNING account_id, type, amount
        ), sums AS (
            SELECT account_id,
                   coalesce(-sum(amount) FILTER (WHERE type LIKE 'SPEND%'), 0) AS spent,
                   coalesce(sum(amount) FILTER (WHERE type LIKE 'EARN%'), 0) AS earned,
                   coalesce(sum(amount) FILTER (WHERE type = 'REFUND'), 0) AS refunded,
                   count(*) AS lines
            FROM inserted
            GROUP BY account_id
        )
        UPDATE balances
        SET spent = balances.spent + sums.spent,
            earned = balances.earned + sums.earned,
            refunded = balances.refunded + sums.refunded,
            transactions = transactions + sums.lines
        FROM sums
        WHERE balances.account_id = sums.account_id
        """,
        [line.account_id for line in lines],
        [line.version for line in lines],
        [line.line for line in lines],
        [line.type for line in lines],
        [line.amount for line in lines],
        [line.balance_after for line in lines],
        [line.source for line in lines],
        [line.source_id for line in lines],
        [line.created_at for line in lines],
        [json.dumps(line.metadata) for line in lines],
    )


async def list_jobs_of_lines(connection: Connection, job_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """What the lines of these jobs say of them."""
    return await connection.fetch(
        """
        SELECT job_id, kind, price_tokens, reference, album_id, tier, door_facts ->> 'source' AS source
        FROM jobs
        WHERE job_id = ANY($1::uuid[])
        """,
        job_ids,
    )


async def list_lines(
    connection: Connection, account_id: str, only: TransactionType | None, limit: int, offset: int
) -> list[asyncpg.Record]:
    """A page of an account's statement, the newest line first; `problem`: why an image was refunded, where known."""
    return await connection.fetch(
        """
        SELECT page.*, nullif(coalesce(nullif(images.detail, ''), images.problem), '') AS problem
        FROM (
            SELECT *
            FROM transactions
            WHERE account_id = $1 AND ($2::text IS NULL OR type = $2)
            ORDER BY version DESC, line DESC
            LIMIT $3 OFFSET $4
        ) AS page
        LEFT JOIN images
               ON images.image_id = CASE page.source WHEN 'enhancement_failed' THEN page.source_id::uuid END
              AND images.state = 'failed'
        ORDER BY version DESC, line DESC
        """,
        account_id,
        only,
        limit,
        offset,
    )


async def count_lines(connection: Connection, account_id: str, only: TransactionType | None) -> int:
    """How many lines an account's statement has."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM transactions WHERE account_id = $1 AND ($2::text IS NULL OR type = $2)",
            account_id,
            only,
        )
    )


async def find_line(connection: Connection, account_id: str, source_id: str) -> asyncpg.Record | None:
    """The first line that something led to, e.g. a grant by its id."""
    return await connection.fetchrow(
        """
        SELECT * FROM transactions
        WHERE account_id = $1 AND source_id = $2
        ORDER BY version, line
        LIMIT 1
        """,
        account_id,
        source_id,
    )


async def sum_regenerated(connection: Connection, account_id: str, after_version: int, to_version: int) -> int:
    """How many tokens an account has regenerated between two of its versions."""
    return int(
        await connection.fetchval(
            """
            SELECT coalesce(sum(amount), 0)::bigint FROM transactions
            WHERE account_id = $1 AND version > $2 AND version <= $3 AND type = 'EARN_REGENERATION'
            """,
            account_id,
            after_version,
            to_version,
        )
    )
