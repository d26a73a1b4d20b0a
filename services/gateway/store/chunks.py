"""SQL over chunks: ranges of a batch's images, with counters of their own that change with the batch's."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection

RECOUNT_SECONDS_MAX = 120  # of 1,000,000 images


@dataclass(slots=True)
class ChunkProgress:
    """By how much a chunk's counters change."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0


async def insert_chunks(connection: Connection, job_id: UUID, images_total: int, chunk_size: int) -> int:
    """Divide a batch's images into chunks; returns how many there are."""
    status = await connection.execute(
        """
        INSERT INTO chunks (chunk_id, job_id, number, first_seq, images_total)
        SELECT gen_random_uuid(), $1, first_seq / $3 + 1, first_seq, least($3, $2 - first_seq)
        FROM generate_series(0, $2 - 1, $3) AS first_seq
        """,
        job_id,
        images_total,
        chunk_size,
    )
    return int(status.rpartition(" ")[2])


async def mark_started(connection: Connection, job_id: UUID, from_seq: int, to_seq: int) -> None:
    """Note that images from one place to another, both included, were let in; the job is locked."""
    await connection.execute(
        """
        UPDATE chunks SET started_at = now()
        WHERE job_id = $1 AND first_seq <= $3 AND first_seq + images_total > $2 AND started_at IS NULL
        """,
        job_id,
        from_seq,
        to_seq,
    )


async def add_progress(connection: Connection, progress: Mapping[tuple[UUID, int], ChunkProgress]) -> None:
    """Change counters, by job and chunk's number, by what has happened; the jobs are locked."""
    keys = sorted(progress)
    await connection.execute(
        """
        UPDATE chunks
        SET images_succeeded = images_succeeded + more.succeeded,
            images_failed = images_failed + more.failed,
            images_cancelled = images_cancelled + more.cancelled,
            completed_at = CASE
                WHEN images_succeeded + images_failed + images_cancelled
                     + more.succeeded + more.failed + more.cancelled = images_total THEN now()
            END
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[])
             AS more (job_id, number, succeeded, failed, cancelled)
        WHERE chunks.job_id = more.job_id AND chunks.number = more.number
        """,
        [job_id for job_id, _ in keys],
        [number for _, number in keys],
        [progress[key].succeeded for key in keys],
        [progress[key].failed for key in keys],
        [progress[key].cancelled for key in keys],
    )


async def list_chunks(connection: Connection, job_id: UUID) -> list[asyncpg.Record]:
    """A batch's chunks in order, each with its status."""
    return await connection.fetch(
        """
        SELECT chunk_id, number, images_total, images_succeeded, images_failed, images_cancelled, started_at,
               completed_at,
               CASE
                   WHEN completed_at IS NOT NULL THEN CASE WHEN images_cancelled > 0 THEN 'failed' ELSE 'completed' END
                   WHEN started_at IS NOT NULL THEN 'processing'
                   ELSE 'pending'
               END AS status
        FROM chunks
        WHERE job_id = $1
        ORDER BY number
        """,
        job_id,
    )


async def recount(connection: Connection, job_id: UUID) -> None:
    """Count a batch's images anew, chunk by chunk, after many of them were taken over; the job is locked, or new."""
    await connection.execute(
        """
        UPDATE chunks
        SET images_succeeded = counted.succeeded, images_failed = counted.failed,
            images_cancelled = counted.cancelled,
            started_at = CASE WHEN counted.ended > 0 THEN coalesce(chunks.started_at, now()) END,
            completed_at = CASE WHEN counted.ended = images_total THEN coalesce(completed_at, now()) END
        FROM (
            SELECT images.seq / chunk_size + 1 AS number,
                   count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
                   count(*) FILTER (WHERE state = 'failed') AS failed,
                   count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
                   count(*) FILTER (WHERE state <> 'pending') AS ended
            FROM images JOIN batches USING (job_id)
            WHERE job_id = $1
            GROUP BY 1
        ) AS counted
        WHERE chunks.job_id = $1 AND chunks.number = counted.number
        """,
        job_id,
        timeout=RECOUNT_SECONDS_MAX,
    )
