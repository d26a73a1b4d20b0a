"""The exporter's SQL for jobs that are gone: a tombstone each, and what was kept of them swept away in portions."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.exporter.batch_rows import Deletion
from services.exporter.store import columns
from shared.events import Event
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class DueSweep:
    """A deleted job to be swept. `is_settled`: closed for so long that nothing can be on its way in any more."""

    job_id: UUID
    swept_seq: int
    is_settled: bool


async def insert_deletions(connection: Connection, deletions: Sequence[Deletion]) -> Sequence[Event]:
    """Put up tombstones; what is to be copied into these jobs is not."""
    await connection.execute(
        """
        WITH dropped AS (
            DELETE FROM clones WHERE job_id = ANY($1::uuid[])
        )
        INSERT INTO deleted_jobs (job_id, account_id)
        SELECT * FROM unnest($1::uuid[], $2::text[]) AS gone (job_id)
        ORDER BY job_id
        ON CONFLICT DO NOTHING
        """,
        *columns(sorted(deletions, key=lambda deletion: deletion.job_id), *Deletion.__slots__),
    )
    return ()


async def lock_due(connection: Connection, keep_seconds: float, settled_seconds: float) -> DueSweep | None:
    """Take a job that has been deleted for so long, and close it; not while a clone still copies from it."""
    row = await connection.fetchrow(
        """
        UPDATE deleted_jobs
        SET closed_at = coalesce(closed_at, now()), next_sweep_at = now() + make_interval(secs => $2)
        WHERE job_id = (
            SELECT job_id FROM deleted_jobs
            WHERE next_sweep_at <= now() AND deleted_at <= now() - make_interval(secs => $1)
              AND NOT EXISTS (SELECT FROM clones WHERE original_id = deleted_jobs.job_id)
            ORDER BY next_sweep_at
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING job_id, swept_seq, closed_at <= now() - make_interval(secs => $2) AS is_settled
        """,
        keep_seconds,
        settled_seconds,
    )
    return DueSweep(**row) if row else None


async def find_next_seq(connection: Connection, sweep: DueSweep) -> int | None:
    """From where on there is something left; what was deleted just now lies before that, and costs nothing any more."""
    found: int | None = await connection.fetchval(
        """
        SELECT least(
            (SELECT min(seq) FROM results WHERE job_id = $1 AND seq >= $2),
            (SELECT min(seq) FROM findings WHERE job_id = $1 AND seq >= $2)
        )
        """,
        sweep.job_id,
        sweep.swept_seq,
    )
    return found


async def delete_portion(connection: Connection, job_id: UUID, from_seq: int, before_seq: int) -> None:
    """Delete a job's results and findings from one place to another; the sweep goes on from there at once."""
    await connection.execute(
        """
        WITH no_results AS (
            DELETE FROM results WHERE job_id = $1 AND seq >= $2 AND seq < $3
        ), no_findings AS (
            DELETE FROM findings WHERE job_id = $1 AND seq >= $2 AND seq < $3
        )
        UPDATE deleted_jobs SET swept_seq = $3, next_sweep_at = now() WHERE job_id = $1
        """,
        job_id,
        from_seq,
        before_seq,
    )


async def delete_exports(connection: Connection, job_id: UUID) -> None:
    """Forget the files that were built of a job."""
    await connection.execute("DELETE FROM exports WHERE job_id = $1", job_id)


async def delete_deliveries(connection: Connection, job_id: UUID) -> None:
    """Forget a job's messages that have arrived or were given up; who is still owed one gets it."""
    await connection.execute(
        """
        WITH ended AS (
            SELECT delivery_id FROM deliveries WHERE job_id = $1 AND state <> 'pending'
        ), forgotten AS (
            DELETE FROM delivery_attempts USING ended WHERE delivery_attempts.delivery_id = ended.delivery_id
        )
        DELETE FROM deliveries USING ended WHERE deliveries.delivery_id = ended.delivery_id
        """,
        job_id,
    )


async def delete_job(connection: Connection, job_id: UUID) -> None:
    """Forget what a job was."""
    await connection.execute("DELETE FROM jobs WHERE job_id = $1", job_id)


async def mark_swept(connection: Connection, sweep: DueSweep) -> None:
    """End a sweep: the next one is the last look, after which the tombstone stands alone.

    That one waits for messages that are on their way.
    """
    await connection.execute(
        """
        UPDATE deleted_jobs
        SET swept_seq = 0, next_sweep_at = CASE
                WHEN NOT $2 OR EXISTS (SELECT FROM deliveries WHERE deliveries.job_id = $1) THEN next_sweep_at
            END
        WHERE job_id = $1
        """,
        sweep.job_id,
        sweep.is_settled and sweep.swept_seq == 0,
    )
