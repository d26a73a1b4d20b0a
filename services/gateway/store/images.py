"""SQL over images: copied in once, let into the pipeline in order, ended once per run."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.gateway.store.results import Result
from shared.outcome import Connection

COPY_SECONDS_MAX = 900
COLUMNS = (
    "image_id", "job_id", "seq", "item", "item_key", "item_name", "position", "item_size", "source_url", "carried",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageEnded:
    """How an image ended in a run of its job."""

    job_id: UUID
    image_id: UUID
    run: int
    state: str
    digest: str | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    source_bytes: int | None = None
    rendition_bytes: int | None = None
    cache_hit: bool | None = None
    problem: str | None = None
    detail: str | None = None
    attempts: int = 0
    fetch_seconds: float | None = None
    enhance_seconds: float | None = None
    requested_at: datetime | None = None
    result: Result | None = None  # what the batches door tells of it


async def copy_images(connection: Connection, rows: AsyncIterator[bytes]) -> None:
    """Copy images in COPY's text format, columns as in COLUMNS."""
    await connection.copy_to_table("images", source=rows, columns=COLUMNS, timeout=COPY_SECONDS_MAX)


async def expect_many(connection: Connection) -> None:
    """Plan the rest of the transaction for many rows: of those just copied the planner has no statistics, and it would
    compare each with each."""
    await connection.execute("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'")


async def mark_repeated(connection: Connection, job_id: UUID) -> None:
    """Mark images whose source another image of the job names too."""
    await connection.execute(
        """
        UPDATE images SET repeated = true
        WHERE job_id = $1 AND source_url IN (
            SELECT source_url FROM images
            WHERE job_id = $1
            GROUP BY source_url
            HAVING count(*) > 1
        )
        """,
        job_id,
        timeout=COPY_SECONDS_MAX,
    )


async def attach_uploads(connection: Connection, job_id: UUID, upload_ids: Sequence[UUID]) -> None:
    """Note of a job's images, in their order, which uploads they are: their bytes outlive these."""
    await connection.execute(
        """
        UPDATE images
        SET upload_id = uploads.upload_id,
            source_blob = jsonb_build_object('digest', uploads.digest, 'size_bytes', uploads.size_bytes,
                                             'format', uploads.format, 'width', uploads.width,
                                             'height', uploads.height)
        FROM unnest($2::uuid[]) WITH ORDINALITY AS placed (upload_id, place) JOIN uploads USING (upload_id)
        WHERE images.job_id = $1 AND images.seq = placed.place - 1
        """,
        job_id,
        upload_ids,
    )


async def list_pending(connection: Connection, job_id: UUID, from_seq: int, limit: int) -> list[asyncpg.Record]:
    """The next images of a job that have not ended, in order."""
    return await connection.fetch(
        """
        SELECT image_id, seq, item, item_key, item_name, position, item_size, source_url, repeated, source_blob,
               carried
        FROM images
        WHERE job_id = $1 AND seq >= $2 AND state = 'pending'
        ORDER BY seq
        LIMIT $3
        """,
        job_id,
        from_seq,
        limit,
    )


async def mark_cancelled(connection: Connection, image_ids: Sequence[UUID], run: int) -> None:
    """End images that were not let in in this run of their job."""
    await connection.execute(
        """
        UPDATE images SET state = 'cancelled', run = $2, problem = 'cancelled', ended_at = now()
        WHERE image_id = ANY($1::uuid[]) AND state = 'pending'
        """,
        image_ids,
        run,
    )


async def mark_ended(connection: Connection, images: Sequence[ImageEnded]) -> list[asyncpg.Record]:
    """End images; those that have ended already, or run again by now, stay as they are. Returns what changed.

    An image's row tells the run in which it was last restarted; one that no run has reached since is of a later one.
    """
    return await connection.fetch(
        """
        UPDATE images
        SET state = ended.state::image_state, run = ended.run, digest = ended.digest, format = ended.format,
            width = ended.width, height = ended.height, source_bytes = ended.source_bytes,
            rendition_bytes = ended.rendition_bytes, cache_hit = ended.cache_hit, problem = ended.problem,
            detail = ended.detail, attempts = ended.attempts, fetch_seconds = ended.fetch_seconds,
            enhance_seconds = ended.enhance_seconds, requested_at = ended.requested_at, ended_at = now()
        FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::bigint[],
                    $9::bigint[], $10::bool[], $11::text[], $12::text[], $13::int[], $14::real[], $15::real[],
                    $16::timestamptz[])
             AS ended (image_id, run, state, digest, format, width, height, source_bytes, rendition_bytes, cache_hit,
                       problem, detail, attempts, fetch_seconds, enhance_seconds, requested_at)
        WHERE images.image_id = ended.image_id AND images.run <= ended.run AND images.state = 'pending'
        RETURNING images.image_id, images.job_id, images.seq, images.position, images.item_size,
                  images.state::text AS state, images.source_bytes, images.rendition_bytes
        """,
        *_columns(
            images,
            "image_id", "run", "state", "digest", "format", "width", "height", "source_bytes", "rendition_bytes",
            "cache_hit", "problem", "detail", "attempts", "fetch_seconds", "enhance_seconds", "requested_at",
        ),
    )  # fmt: skip


async def count_items_ended(
    connection: Connection, job_ids: Sequence[UUID], first_seqs: Sequence[int], sizes: Sequence[int]
) -> dict[UUID, int]:
    """Of these items (by their first image and number of images), how many per job have no pending image."""
    rows = await connection.fetch(
        """
        SELECT item.job_id, count(*) AS items
        FROM unnest($1::uuid[], $2::int[], $3::int[]) AS item (job_id, first_seq, size)
        WHERE NOT EXISTS (
            SELECT FROM images
            WHERE images.job_id = item.job_id AND images.seq >= item.first_seq
              AND images.seq < item.first_seq + item.size AND images.state = 'pending'
        )
        GROUP BY item.job_id
        """,
        job_ids,
        first_seqs,
        sizes,
    )
    return {row["job_id"]: row["items"] for row in rows}


async def restart_failed(connection: Connection, job_id: UUID, run: int) -> asyncpg.Record:
    """Make a job's failed images pending again for a further run; returns how many images and items these are."""
    row = await connection.fetchrow(
        """
        WITH restarted AS (
            UPDATE images SET state = 'pending', run = $2
            WHERE job_id = $1 AND state = 'failed'
            RETURNING item
        )
        SELECT count(*)::int AS images, count(DISTINCT item)::int AS items FROM restarted
        """,
        job_id,
        run,
        timeout=COPY_SECONDS_MAX,
    )
    assert row is not None
    return row


async def fail_again(connection: Connection, job_id: UUID) -> asyncpg.Record:
    """End a job's pending images as they had ended before; returns how many images and items these are."""
    row = await connection.fetchrow(
        """
        WITH failed AS (
            UPDATE images SET state = 'failed'
            WHERE job_id = $1 AND state = 'pending'
            RETURNING item
        )
        SELECT count(*)::int AS images, count(DISTINCT item)::int AS items FROM failed
        """,
        job_id,
        timeout=COPY_SECONDS_MAX,
    )
    assert row is not None
    return row


async def list_page(connection: Connection, job_id: UUID, from_seq: int, limit: int) -> list[asyncpg.Record]:
    """A page of a job's images with what became of them, in order."""
    return await connection.fetch(
        """
        SELECT image_id, seq, item, item_key, item_name, position, item_size, source_url, state::text AS state,
               format, problem, detail, attempts
        FROM images
        WHERE job_id = $1 AND seq >= $2
        ORDER BY seq
        LIMIT $3
        """,
        job_id,
        from_seq,
        limit,
    )


async def find_rendition(connection: Connection, account_id: str, image_id: UUID) -> asyncpg.Record | None:
    """The output of an image that succeeded."""
    return await connection.fetchrow(
        """
        SELECT images.digest, images.format, images.rendition_bytes
        FROM images JOIN jobs USING (job_id)
        WHERE images.image_id = $1 AND jobs.account_id = $2 AND images.state = 'succeeded'
        """,
        image_id,
        account_id,
    )


def _columns(rows: Sequence[Any], *names: str) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in names]
