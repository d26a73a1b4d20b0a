"""SQL over batches: what they have beside their jobs, and the overview that callers see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch as it is accepted, beside its job."""

    job_id: UUID
    account_id: str
    name: str
    description: str | None
    chunk_size: int
    chunks_total: int
    columns: Sequence[str]
    cloned_from: UUID | None = None


@dataclass(slots=True)
class ResultCounts:
    """By how much a batch's numbers of results change."""

    succeeded: int = 0
    failed: int = 0
    store_images: int = 0


async def insert_batch(connection: Connection, batch: NewBatch) -> None:
    """Keep a new batch."""
    await connection.execute(
        """
        INSERT INTO batches (job_id, account_id, name, description, chunk_size, chunks_total, columns, cloned_from)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        batch.job_id,
        batch.account_id,
        batch.name,
        batch.description,
        batch.chunk_size,
        batch.chunks_total,
        list(batch.columns),
        batch.cloned_from,
    )


async def find_batch(connection: Connection, account_id: str, job_id: UUID) -> asyncpg.Record | None:
    """A batch of an account, also a soft-deleted one."""
    return await connection.fetchrow(
        "SELECT * FROM batch_overviews WHERE job_id = $1 AND account_id = $2", job_id, account_id
    )


async def list_batches(
    connection: Connection, account_id: str, status: str | None, include_hidden: bool, limit: int, offset: int
) -> list[asyncpg.Record]:
    """Some of an account's batches, newest first; of one status, or of all where that is None.

    Within coalesce a status is not taken to be rare, for which the planner would join all jobs before it sorts them.
    """
    return await connection.fetch(
        """
        SELECT * FROM batch_overviews
        WHERE account_id = $1 AND coalesce(status = $2, true) AND ($3 OR hidden_at IS NULL)
        ORDER BY created_at DESC, job_id DESC
        LIMIT $4 OFFSET $5
        """,
        account_id,
        status,
        include_hidden,
        limit,
        offset,
    )


async def count_chunks(connection: Connection, job_id: UUID) -> dict[str, int]:
    """How many chunks a batch has in all, and of each status."""
    row = await connection.fetchrow(
        """
        SELECT count(*)::int AS total,
               (count(*) FILTER (WHERE completed_at IS NOT NULL AND images_cancelled = 0))::int AS completed,
               (count(*) FILTER (WHERE completed_at IS NOT NULL AND images_cancelled > 0))::int AS failed,
               (count(*) FILTER (WHERE completed_at IS NULL AND started_at IS NOT NULL))::int AS processing,
               (count(*) FILTER (WHERE completed_at IS NULL AND started_at IS NULL))::int AS pending
        FROM chunks
        WHERE job_id = $1
        """,
        job_id,
    )
    assert row is not None
    return dict(row)


async def list_problems(connection: Connection, job_id: UUID) -> dict[str, int]:
    """Why images of a batch failed in their latest run, and how many; the most frequent problem first."""
    rows = await connection.fetch(
        "SELECT problem, images FROM problem_counts WHERE job_id = $1 AND images > 0 ORDER BY images DESC, problem",
        job_id,
    )
    return {row["problem"]: row["images"] for row in rows}


async def list_chunk_sizes(connection: Connection, job_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Of these jobs, the batches and how large their chunks are."""
    rows = await connection.fetch("SELECT job_id, chunk_size FROM batches WHERE job_id = ANY($1::uuid[])", job_ids)
    return {row["job_id"]: row["chunk_size"] for row in rows}


async def mark_started(connection: Connection, job_id: UUID) -> None:
    """Note that the first image of a batch's present run was let in; the job is locked."""
    await connection.execute("UPDATE batches SET started_at = now() WHERE job_id = $1 AND started_at IS NULL", job_id)


async def add_results(connection: Connection, counts: Mapping[UUID, ResultCounts]) -> None:
    """Change the numbers of results; the jobs are locked."""
    job_ids = sorted(counts)
    await connection.execute(
        """
        UPDATE batches
        SET results_succeeded = results_succeeded + more.succeeded, results_failed = results_failed + more.failed,
            results_store_images = results_store_images + more.store_images
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) AS more (job_id, succeeded, failed, store_images)
        WHERE batches.job_id = more.job_id
        """,
        job_ids,
        [counts[job_id].succeeded for job_id in job_ids],
        [counts[job_id].failed for job_id in job_ids],
        [counts[job_id].store_images for job_id in job_ids],
    )


async def add_problems(connection: Connection, counts: Mapping[tuple[UUID, str], int]) -> None:
    """Count images that have failed, by job and problem; the jobs are locked."""
    keys = sorted(counts)
    await connection.execute(
        """
        INSERT INTO problem_counts (job_id, problem, images)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[])
        ON CONFLICT (job_id, problem) DO UPDATE SET images = problem_counts.images + excluded.images
        """,
        [job_id for job_id, _ in keys],
        [problem for _, problem in keys],
        [counts[key] for key in keys],
    )
