"""The exporter's SQL for webhook deliveries and their attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.exporter.domain import Step
from services.exporter.rows import Delivery, Resend
from services.exporter.store import columns
from shared.events import Event
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come. `secrets_changed_at` None: the secrets are the job's own, or there are none."""

    delivery_id: UUID
    account_id: str
    job_id: UUID
    message_id: str
    url: str
    body: bytes
    attempts: int
    secrets_sealed: str | None
    secrets_changed_at: datetime | None


async def insert_deliveries(connection: Connection, deliveries: Sequence[Delivery]) -> Sequence[Event]:
    """Have messages sent, one per run of a job."""
    await connection.execute(
        """
        INSERT INTO deliveries (delivery_id, account_id, job_id, run, message_id, url, body, secrets_sealed)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::bytea[],
                             $8::text[])
        ON CONFLICT DO NOTHING
        """,
        *columns(sorted(deliveries, key=lambda delivery: delivery.delivery_id), *Delivery.__slots__),
    )
    return ()


async def insert_resends(connection: Connection, resends: Sequence[Resend]) -> Sequence[Event]:
    """Have the newest message of jobs sent once more, under the same message id; nothing where there is none."""
    await connection.execute(
        """
        INSERT INTO deliveries (delivery_id, account_id, job_id, run, is_resend, message_id, url, body, secrets_sealed)
        SELECT wanted.delivery_id, sent.account_id, sent.job_id, sent.run, true, sent.message_id, sent.url, sent.body,
               sent.secrets_sealed
        FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS wanted (delivery_id, account_id, job_id)
        CROSS JOIN LATERAL (
            SELECT * FROM deliveries
            WHERE deliveries.job_id = wanted.job_id AND deliveries.account_id = wanted.account_id AND NOT is_resend
            ORDER BY run DESC
            LIMIT 1
        ) AS sent
        ON CONFLICT DO NOTHING
        """,
        *columns(sorted(resends, key=lambda resend: resend.delivery_id), *Resend.__slots__),
    )
    return ()


async def lease_due(connection: Connection, limit: int, seconds: float) -> list[Due]:
    """Take deliveries whose time has come; whoever takes them has `seconds` to make and record an attempt."""
    rows = await connection.fetch(
        """
        WITH leased AS (
            UPDATE deliveries SET next_attempt_at = now() + make_interval(secs => $2)
            WHERE delivery_id IN (
                SELECT delivery_id FROM deliveries
                WHERE state = 'pending' AND next_attempt_at <= now()
                ORDER BY next_attempt_at
                LIMIT $1
                FOR UPDATE SKIP LOCKED
            )
            RETURNING delivery_id, account_id, job_id, message_id, url, body, attempts, secrets_sealed
        )
        SELECT delivery_id, account_id, job_id, message_id, url, body, attempts,
               coalesce(leased.secrets_sealed, endpoints.secrets_sealed) AS secrets_sealed,
               CASE WHEN leased.secrets_sealed IS NULL THEN endpoints.changed_at END AS secrets_changed_at
        FROM leased
        LEFT JOIN endpoints USING (account_id)
        """,
        limit,
        seconds,
    )
    return [Due(**row) for row in rows]


async def mark_attempted(connection: Connection, due: Due, step: Step) -> datetime | None:
    """Move a delivery on; returns when it is due next, or None if somebody else recorded this attempt meanwhile."""
    next_attempt_at: datetime | None = await connection.fetchval(
        """
        UPDATE deliveries
        SET attempts = attempts + 1, state = $3, next_attempt_at = now() + make_interval(secs => $4)
        WHERE delivery_id = $1 AND attempts = $2 AND state = 'pending'
        RETURNING next_attempt_at
        """,
        due.delivery_id,
        due.attempts,
        step.state,
        step.delay_seconds or 0.0,
    )
    return next_attempt_at


async def insert_attempt(
    connection: Connection, due: Due, step: Step, *, attempted_at: datetime, seconds: float, status: int | None
) -> None:
    """Log an attempt that was marked."""
    await connection.execute(
        """
        INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, seconds, status, problem, detail)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        due.delivery_id,
        due.attempts + 1,
        attempted_at,
        seconds,
        status,
        step.problem,
        step.detail,
    )


async def postpone(connection: Connection, due: Due, seconds: float) -> None:
    """Let a delivery wait without having been attempted."""
    await connection.execute(
        """
        UPDATE deliveries SET next_attempt_at = now() + make_interval(secs => $3)
        WHERE delivery_id = $1 AND attempts = $2 AND state = 'pending'
        """,
        due.delivery_id,
        due.attempts,
        seconds,
    )
