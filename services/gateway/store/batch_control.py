"""SQL that steers batches; the job of each is locked by whoever calls."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection

RESTART_SECONDS_MAX = 120  # of 1,000,000 images


async def lock_active(connection: Connection, account_id: str) -> None:
    """Be the only one who makes a batch of this account active, until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('active batches ' || $1))", account_id)


async def mark_active(connection: Connection, job_id: UUID, active_max: int) -> int | None:
    """Let a pending or paused batch go on, as long as fewer than `active_max` others of its account are active.

    Returns the control's version, None when there are as many; the account's active batches are locked.
    """
    version: int | None = await connection.fetchval(
        """
        UPDATE jobs
        SET state = 'open', paused = false, control_version = control_version + 1, updated_at = now()
        WHERE job_id = $1 AND (state = 'pending' OR state = 'open' AND paused) AND (
            SELECT count(*)
            FROM jobs AS other
            WHERE other.account_id = jobs.account_id AND other.kind = 'batch' AND other.state = 'open'
              AND NOT other.paused
        ) < $2
        RETURNING control_version
        """,
        job_id,
        active_max,
    )
    return version


async def mark_queued(connection: Connection, job_id: UUID) -> None:
    """Note that a batch was started, resumed or restarted."""
    await connection.execute("UPDATE batches SET queued_at = now() WHERE job_id = $1", job_id)


@dataclass(frozen=True, slots=True)
class Kept:
    """Which images of a batch a further run leaves as they are; those that failed never."""

    succeeded: bool
    cancelled: bool


async def restart_images(connection: Connection, job: asyncpg.Record, kept: Kept) -> None:
    """Make images pending for a further run, those in flight too: what is still said of the earlier one is late.

    Those that were never let in may keep the run that they are of.
    """
    await connection.execute(
        """
        UPDATE images
        SET state = 'pending', run = $2, digest = NULL, format = NULL, width = NULL, height = NULL,
            source_bytes = NULL, rendition_bytes = NULL, cache_hit = NULL, problem = NULL, detail = NULL,
            ended_at = NULL
        WHERE job_id = $1 AND (
            state = 'failed'
            OR state = 'pending' AND seq < $3
            OR state = 'succeeded' AND NOT $4::bool
            OR state = 'cancelled' AND NOT $5::bool
        )
        """,
        job["job_id"],
        job["run"] + 1,
        job["next_seq"],
        kept.succeeded,
        kept.cancelled,
        timeout=RESTART_SECONDS_MAX,
    )


async def restart_image(connection: Connection, image_id: UUID, job: asyncpg.Record) -> asyncpg.Record | None:
    """Make one failed image of a job pending for a further run; returns its place and what its problem was."""
    return await connection.fetchrow(
        """
        UPDATE images SET state = 'pending', run = $3
        WHERE image_id = $1 AND job_id = $2 AND state = 'failed'
        RETURNING seq, problem
        """,
        image_id,
        job["job_id"],
        job["run"] + 1,
    )


async def restart_job(
    connection: Connection, job_id: UUID, succeeded: int, failed: int, cancelled: int
) -> asyncpg.Record:
    """Begin a job's next run, not active yet, with so many images that stay as they ended; returns it."""
    row = await connection.fetchrow(
        """
        UPDATE jobs
        SET run = run + 1, state = 'pending', paused = false, problem = NULL, next_seq = 0, in_flight = 0,
            images_succeeded = $2::int, images_failed = $3::int, images_cancelled = $4::int,
            items_ended = $2::int + $3::int + $4::int,
            source_bytes = CASE WHEN $2::int > 0 THEN source_bytes ELSE 0 END,
            rendition_bytes = CASE WHEN $2::int > 0 THEN rendition_bytes ELSE 0 END,
            control_version = control_version + 1, completed_at = NULL, updated_at = now()
        WHERE job_id = $1
        RETURNING *
        """,
        job_id,
        succeeded,
        failed,
        cancelled,
    )
    assert row is not None
    return row


async def restart_batch(connection: Connection, job_id: UUID, processed_before: int) -> None:
    """Begin a batch's next run; one that was soft-deleted is back."""
    await connection.execute(
        """
        UPDATE batches
        SET queued_at = NULL, started_at = NULL, processed_before = $2, retries = retries + 1, note = NULL,
            hidden_at = NULL, delete_at = NULL
        WHERE job_id = $1
        """,
        job_id,
        processed_before,
    )


async def restart_chunks(connection: Connection, job_id: UUID, kept: Kept) -> int:
    """Count a batch's chunks anew where images of theirs run again; returns how many chunks these are."""
    status = await connection.execute(
        """
        UPDATE chunks
        SET images_succeeded = stay.succeeded, images_failed = 0, images_cancelled = stay.cancelled,
            started_at = CASE WHEN stay.succeeded + stay.cancelled > 0 THEN started_at END, completed_at = NULL
        FROM (
            SELECT chunk_id, CASE WHEN $2::bool THEN images_succeeded ELSE 0 END AS succeeded,
                   CASE WHEN $3::bool THEN images_cancelled ELSE 0 END AS cancelled
            FROM chunks
            WHERE job_id = $1
        ) AS stay
        WHERE chunks.chunk_id = stay.chunk_id AND stay.succeeded + stay.cancelled < images_total
        """,
        job_id,
        kept.succeeded,
        kept.cancelled,
    )
    return int(status.rpartition(" ")[2])


async def count_open_chunks(connection: Connection, job_id: UUID) -> int:
    """How many of a batch's chunks have not ended."""
    return int(
        await connection.fetchval("SELECT count(*) FROM chunks WHERE job_id = $1 AND completed_at IS NULL", job_id)
    )


async def uncount_problem(connection: Connection, job_id: UUID, problem: str) -> None:
    """Forget one failure of a batch: its image runs again."""
    await connection.execute(
        "UPDATE problem_counts SET images = images - 1 WHERE job_id = $1 AND problem = $2 AND images > 0",
        job_id,
        problem,
    )


async def find_job_of_image(connection: Connection, account_id: str, image_id: UUID) -> UUID | None:
    """The batch of an account that an image is of."""
    found: UUID | None = await connection.fetchval(
        """
        SELECT job_id
        FROM images JOIN batches USING (job_id)
        WHERE image_id = $1 AND batches.account_id = $2 AND deleted_at IS NULL
        """,
        image_id,
        account_id,
    )
    return found


async def find_account(connection: Connection, job_id: UUID) -> str | None:
    """Whose batch this is, for operators."""
    found: str | None = await connection.fetchval(
        "SELECT account_id FROM batches WHERE job_id = $1 AND deleted_at IS NULL", job_id
    )
    return found


async def find_by_part(connection: Connection, part_id: UUID) -> asyncpg.Record | None:
    """The batch that this is, or that this chunk is of, and whose it is; for operators."""
    return await connection.fetchrow(
        """
        SELECT job_id, account_id
        FROM batches
        WHERE deleted_at IS NULL AND job_id IN ($1, (SELECT job_id FROM chunks WHERE chunk_id = $1))
        """,
        part_id,
    )


async def list_active(connection: Connection, limit: int) -> list[asyncpg.Record]:
    """Batches of all accounts that are pending, queued or processing, the oldest first; how many chunks are open."""
    return await connection.fetch(
        """
        SELECT job_id, batches.account_id,
               (SELECT count(*) FROM chunks WHERE chunks.job_id = jobs.job_id AND completed_at IS NULL) AS open_chunks
        FROM batches JOIN jobs USING (job_id)
        WHERE deleted_at IS NULL AND hidden_at IS NULL AND jobs.state IN ('pending', 'open') AND NOT paused
        ORDER BY jobs.created_at
        LIMIT $1
        """,
        limit,
    )
