"""SQL that puts batches away: hidden first, then gone for everybody, then row by row."""

from datetime import datetime
from uuid import UUID

import asyncpg

from shared.outcome import Connection


async def hide(connection: Connection, job_id: UUID, note: str, delete_at: datetime) -> None:
    """Hide a batch from lists, to be deleted at a time."""
    await connection.execute(
        "UPDATE batches SET hidden_at = now(), delete_at = $3, note = $2 WHERE job_id = $1", job_id, note, delete_at
    )


async def note_on(connection: Connection, job_id: UUID, note: str) -> None:
    """Note what happened to a batch as a whole."""
    await connection.execute("UPDATE batches SET note = $2 WHERE job_id = $1", job_id, note)


async def mark_deleted(connection: Connection, job_id: UUID) -> None:
    """Let a batch be gone for everybody; its rows remain for a while."""
    await connection.execute("UPDATE batches SET deleted_at = now() WHERE job_id = $1", job_id)


async def end_job(connection: Connection, job_id: UUID) -> int:
    """End a job as it is: no image of it is let in or stopped any more. Returns the control's version."""
    return int(
        await connection.fetchval(
            """
            UPDATE jobs
            SET state = 'cancelled', paused = false, completed_at = coalesce(completed_at, now()), updated_at = now(),
                control_version = control_version + 1
            WHERE job_id = $1
            RETURNING control_version
            """,
            job_id,
        )
    )


async def list_overdue(connection: Connection, limit: int) -> list[asyncpg.Record]:
    """Batches that were soft-deleted and kept as long as they had to be."""
    return await connection.fetch(
        """
        SELECT job_id, account_id
        FROM batches
        WHERE delete_at <= now() AND deleted_at IS NULL
        ORDER BY delete_at
        LIMIT $1
        """,
        limit,
    )


async def is_overdue(connection: Connection, job_id: UUID) -> bool:
    """Whether a soft-deleted batch is still to be deleted now; its job is locked."""
    return bool(
        await connection.fetchval(
            "SELECT delete_at <= now() AND deleted_at IS NULL FROM batches WHERE job_id = $1", job_id
        )
    )


async def try_lock_sweep(connection: Connection) -> bool:
    """Be the one who removes rows, until the transaction ends; False when another process is."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('gateway batch sweep'))"))


async def find_deleted(connection: Connection) -> UUID | None:
    """The batch that was deleted first, of those that have rows left."""
    found: UUID | None = await connection.fetchval(
        "SELECT job_id FROM batches WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1"
    )
    return found


async def delete_images(connection: Connection, job_id: UUID, limit: int) -> int:
    """Remove some of a job's images; returns how many. The job is locked, as whoever ends images locks it."""
    status = await connection.execute(
        """
        DELETE FROM images
        WHERE image_id IN (SELECT image_id FROM images WHERE job_id = $1 LIMIT $2)
        """,
        job_id,
        limit,
    )
    return _count(status)


async def delete_results(connection: Connection, job_id: UUID, limit: int) -> int:
    """Remove some of a batch's results; returns how many."""
    status = await connection.execute(
        """
        DELETE FROM results
        WHERE image_id IN (SELECT image_id FROM results WHERE job_id = $1 LIMIT $2)
        """,
        job_id,
        limit,
    )
    return _count(status)


async def delete_chunks(connection: Connection, job_id: UUID, limit: int) -> int:
    """Remove some of a batch's chunks; returns how many."""
    status = await connection.execute(
        """
        DELETE FROM chunks
        WHERE chunk_id IN (SELECT chunk_id FROM chunks WHERE job_id = $1 LIMIT $2)
        """,
        job_id,
        limit,
    )
    return _count(status)


async def delete_problems(connection: Connection, job_id: UUID) -> None:
    """Remove a batch's counts of problems."""
    await connection.execute("DELETE FROM problem_counts WHERE job_id = $1", job_id)


async def delete_batch(connection: Connection, job_id: UUID) -> None:
    """Remove a batch's own row."""
    await connection.execute("DELETE FROM batches WHERE job_id = $1", job_id)


async def delete_job(connection: Connection, job_id: UUID) -> None:
    """Remove a job's own row."""
    await connection.execute("DELETE FROM jobs WHERE job_id = $1", job_id)


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
