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
        RETURNING job_id, closed_at <= now() - make_interval(secs => $2) AS is_settled
        """,
        keep_seconds,
        settled_seconds,
    )
    return DueSweep(**row) if row else None


async def delete_results(connection: Connection, job_id: UUID, limit: int) -> int:
    """Delete some of a job's results; returns how many."""
    status = await connection.execute(
        """
        DELETE FROM results
        WHERE job_id = $1 AND seq IN (SELECT seq FROM results WHERE job_id = $1 ORDER BY seq LIMIT $2)
        """,
        job_id,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def delete_findings(connection: Connection, job_id: UUID, limit: int) -> int:
    """Delete some of a job's findings; returns how many."""
    status = await connection.execute(
        """
        DELETE FROM findings
        WHERE job_id = $1 AND seq IN (SELECT seq FROM findings WHERE job_id = $1 ORDER BY seq LIMIT $2)
        """,
        job_id,
        limit,
    )
    return int(status.rpartition(" ")[2])


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


async def mark_emptied(connection: Connection, job_id: UUID) -> None:
    """Go on at once: there may be more."""
    await connection.execute("UPDATE deleted_jobs SET next_sweep_at = now() WHERE job_id = $1", job_id)


async def mark_swept(connection: Connection, job_id: UUID) -> None:
    """Let the tombstone stand alone, once no message of the job is on its way."""
    await connection.execute(
        """
        UPDATE deleted_jobs SET next_sweep_at = NULL
        WHERE job_id = $1 AND NOT EXISTS (SELECT FROM deliveries WHERE deliveries.job_id = $1)
        """,
        job_id,
    )
