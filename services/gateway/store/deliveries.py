"""SQL over webhook messages, their attempts, and the secrets that sign them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at delivering a message, and what it makes of the delivery."""

    delivery_id: UUID
    account_id: str
    job_id: UUID
    message_id: str
    url: str
    state: str
    attempt: int
    attempted_at: datetime
    next_attempt_at: datetime | None
    status: int | None
    problem: str | None
    detail: str


async def upsert_deliveries(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Keep each delivery's state after its newest attempt; an ended one stays ended."""
    newest = {each.delivery_id: each for each in sorted(attempts, key=lambda each: each.attempt)}
    ordered = [newest[delivery_id] for delivery_id in sorted(newest)]
    await connection.execute(
        """
        INSERT INTO deliveries (delivery_id, account_id, job_id, message_id, url, state, next_attempt_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
        ON CONFLICT (delivery_id) DO UPDATE
        SET state = excluded.state,
            next_attempt_at = CASE
                WHEN excluded.state = 'pending' THEN greatest(deliveries.next_attempt_at, excluded.next_attempt_at)
            END
        WHERE deliveries.state = 'pending'
        """,
        [each.delivery_id for each in ordered],
        [each.account_id for each in ordered],
        [each.job_id for each in ordered],
        [each.message_id for each in ordered],
        [each.url for each in ordered],
        [each.state for each in ordered],
        [each.next_attempt_at for each in ordered],
    )


async def insert_attempts(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Keep the attempts."""
    await connection.execute(
        """
        INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, status, problem, detail)
        SELECT * FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::int[], $5::text[], $6::text[])
        ON CONFLICT DO NOTHING
        """,
        [each.delivery_id for each in attempts],
        [each.attempt for each in attempts],
        [each.attempted_at for each in attempts],
        [each.status for each in attempts],
        [each.problem for each in attempts],
        [each.detail for each in attempts],
    )


async def list_deliveries(connection: Connection, job_id: UUID) -> list[asyncpg.Record]:
    """A job's messages with their attempts, the oldest first."""
    return await connection.fetch(
        """
        SELECT deliveries.*, coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'attempt', attempt, 'attempted_at', attempted_at, 'status', status, 'problem', problem,
                    'detail', detail
                ) ORDER BY attempt
            ) FILTER (WHERE attempt IS NOT NULL), '[]'
        ) AS attempts
        FROM deliveries LEFT JOIN delivery_attempts USING (delivery_id)
        WHERE job_id = $1
        GROUP BY delivery_id
        ORDER BY created_at
        """,
        job_id,
    )


async def find_secrets(connection: Connection, account_id: str) -> asyncpg.Record | None:
    """An account's sealed secrets; the previous one only while it still signs."""
    return await connection.fetchrow(
        """
        SELECT version, sealed,
               CASE WHEN rotated_at > now() - interval '24 hours' THEN previous_sealed END AS previous_sealed
        FROM webhook_secrets
        WHERE account_id = $1
        """,
        account_id,
    )


async def insert_secret(connection: Connection, account_id: str, sealed: str) -> None:
    """Make an account's first secret, unless there is one."""
    await connection.execute(
        "INSERT INTO webhook_secrets (account_id, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING", account_id, sealed
    )


async def rotate_secret(connection: Connection, account_id: str, sealed: str) -> None:
    """Sign with a new secret, and for 24 hours with the old one too."""
    await connection.execute(
        """
        UPDATE webhook_secrets
        SET previous_sealed = sealed, sealed = $2, version = version + 1, rotated_at = now()
        WHERE account_id = $1
        """,
        account_id,
        sealed,
    )
