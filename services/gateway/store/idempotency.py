"""SQL over idempotency keys: who works on a request, and what was answered."""

from typing import Any
from uuid import UUID

import asyncpg

from shared.outcome import Connection

HOURS_KEPT = 24
ABANDONED_SECONDS = 300


async def limit_lock_waits(connection: Connection, seconds: float) -> None:
    """Have statements of this transaction wait so long for others' locks, and fail then; 0: as long as it takes."""
    await connection.execute("SELECT set_config('lock_timeout', $1, true)", f"{round(seconds * 1000)}ms")


async def claim_key(
    connection: Connection, account_id: str, operation: str, key: str, fingerprint: bytes, owner: UUID
) -> asyncpg.Record:
    """Claim a key; returns its row, whose `owner` tells whether the claim is ours. An abandoned claim passes on."""
    row = await connection.fetchrow(
        """
        INSERT INTO idempotency_keys AS known (account_id, operation, key, fingerprint, owner)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (account_id, operation, key) DO UPDATE
        SET owner = CASE WHEN known.status IS NULL AND known.job_id IS NULL
                          AND known.fingerprint = excluded.fingerprint
                          AND known.started_at < now() - make_interval(secs => $6)
                         THEN excluded.owner ELSE known.owner END,
            started_at = CASE WHEN known.status IS NULL AND known.job_id IS NULL
                               AND known.fingerprint = excluded.fingerprint
                               AND known.started_at < now() - make_interval(secs => $6)
                              THEN now() ELSE known.started_at END
        RETURNING fingerprint, owner, status, answer, job_id
        """,
        account_id,
        operation,
        key,
        fingerprint,
        owner,
        float(ABANDONED_SECONDS),
    )
    assert row is not None
    return row


async def record_answer(connection: Connection, owner: UUID, status: int, answer: str) -> bool:
    """Keep the answer; False when the claim has passed to another request."""
    found: Any = await connection.fetchval(
        "UPDATE idempotency_keys SET status = $2, answer = $3 WHERE owner = $1 RETURNING true", owner, status, answer
    )
    return bool(found)


async def bind_job(connection: Connection, owner: UUID, job_id: UUID) -> None:
    """The request became this job, which its answer is told from."""
    await connection.execute("UPDATE idempotency_keys SET job_id = $2 WHERE owner = $1", owner, job_id)


async def release_job(connection: Connection, job_id: UUID) -> None:
    """Let the key go that stands for a job: the job came to nothing."""
    await connection.execute("DELETE FROM idempotency_keys WHERE job_id = $1", job_id)


async def release_key(connection: Connection, owner: UUID) -> None:
    """Give a claim up: the request was refused and left nothing behind."""
    await connection.execute("DELETE FROM idempotency_keys WHERE owner = $1 AND status IS NULL", owner)


async def forget_old(connection: Connection) -> None:
    """Delete keys that are no longer promised."""
    await connection.execute(
        "DELETE FROM idempotency_keys WHERE started_at < now() - make_interval(hours => $1)", HOURS_KEPT
    )
