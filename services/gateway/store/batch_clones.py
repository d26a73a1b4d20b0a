"""SQL that makes a batch of another one's images; all of it in one snapshot, so that the other may go on meanwhile."""

from uuid import UUID

import asyncpg

from shared.outcome import Connection

CLONE_SECONDS_MAX = 300  # of 1,000,000 images


async def clone_images(connection: Connection, original_id: UUID, job_id: UUID, *, but_done: bool) -> None:
    """Give a job the images of another, all to be done; `but_done`: those that are done there are left out."""
    await connection.execute(
        """
        INSERT INTO images (image_id, job_id, seq, item, item_key, item_name, position, item_size, source_url, repeated,
                            carried, source_blob)
        SELECT md5($2::uuid::text || ':' || seq)::uuid, $2, seq, item, item_key, item_name, position, item_size,
               source_url, repeated, carried, source_blob
        FROM images
        WHERE job_id = $1 AND (state IN ('pending', 'cancelled') OR NOT $3::bool)
        ORDER BY seq
        """,
        original_id,
        job_id,
        but_done,
        timeout=CLONE_SECONDS_MAX,
    )


async def clone_images_done(connection: Connection, original_id: UUID, job_id: UUID) -> asyncpg.Record:
    """Give a job the images of another as far as these are done; returns how many succeeded and failed, and bytes."""
    row = await connection.fetchrow(
        """
        WITH cloned AS (
            INSERT INTO images (image_id, job_id, seq, item, item_key, item_name, position, item_size, source_url,
                                repeated, carried, source_blob, run, state, digest, format, width, height, source_bytes,
                                rendition_bytes, cache_hit, problem, detail, attempts, fetch_seconds, enhance_seconds,
                                ended_at, requested_at)
            SELECT md5($2::uuid::text || ':' || seq)::uuid, $2, seq, item, item_key, item_name, position, item_size,
                   source_url, repeated, carried, source_blob, 0, state, digest, format, width, height, source_bytes,
                   rendition_bytes, cache_hit, problem, detail, attempts, fetch_seconds, enhance_seconds, ended_at,
                   requested_at
            FROM images
            WHERE job_id = $1 AND state IN ('succeeded', 'failed')
            ORDER BY seq
            RETURNING state, source_bytes, rendition_bytes
        )
        SELECT count(*) FILTER (WHERE state = 'succeeded')::int AS succeeded,
               count(*) FILTER (WHERE state = 'failed')::int AS failed,
               coalesce(sum(source_bytes), 0)::bigint AS source_bytes,
               coalesce(sum(rendition_bytes), 0)::bigint AS rendition_bytes
        FROM cloned
        """,
        original_id,
        job_id,
        timeout=CLONE_SECONDS_MAX,
    )
    assert row is not None
    return row


async def list_stretches(connection: Connection, job_id: UUID, limit: int) -> list[tuple[int, int]]:
    """Where the images of a new clone are that are done: first and last place of each stretch, in order."""
    rows = await connection.fetch(
        """
        SELECT min(seq) AS first, max(seq) AS last
        FROM (
            SELECT seq, seq - row_number() OVER (ORDER BY seq) AS stretch
            FROM images
            WHERE job_id = $1 AND state IN ('succeeded', 'failed')
        ) AS done
        GROUP BY stretch
        ORDER BY first
        LIMIT $2
        """,
        job_id,
        limit,
        timeout=CLONE_SECONDS_MAX,
    )
    return [(row["first"], row["last"]) for row in rows]


async def clone_results(connection: Connection, original_id: UUID, job_id: UUID) -> asyncpg.Record:
    """Take over what came of the images that were done; returns how many results by what they say."""
    row = await connection.fetchrow(
        """
        WITH cloned AS (
            INSERT INTO results (image_id, job_id, account_id, seq, run, url, success, store_image, text_content,
                                 store_name, business_contact, image_description, problem, detail, provider, model,
                                 key_hint, cost_micros, cache_hit, processing_seconds, created_at)
            SELECT md5($2::uuid::text || ':' || results.seq)::uuid, $2, account_id, results.seq, 0, url, success,
                   store_image, text_content, store_name, business_contact, image_description, results.problem,
                   results.detail, provider, model, key_hint, cost_micros, results.cache_hit, processing_seconds,
                   created_at
            FROM results JOIN images USING (image_id)
            WHERE results.job_id = $1 AND images.job_id = $1 AND images.state IN ('succeeded', 'failed')
            RETURNING success, store_image
        )
        SELECT count(*) FILTER (WHERE success)::int AS succeeded, count(*) FILTER (WHERE NOT success)::int AS failed,
               count(*) FILTER (WHERE store_image)::int AS store_images
        FROM cloned
        """,
        original_id,
        job_id,
        timeout=CLONE_SECONDS_MAX,
    )
    assert row is not None
    return row


async def count_problems(connection: Connection, job_id: UUID) -> None:
    """Count the problems of a new clone's images."""
    await connection.execute(
        """
        INSERT INTO problem_counts (job_id, problem, images)
        SELECT job_id, problem, count(*)
        FROM images
        WHERE job_id = $1 AND state = 'failed' AND problem IS NOT NULL
        GROUP BY job_id, problem
        """,
        job_id,
        timeout=CLONE_SECONDS_MAX,
    )


async def count_done(connection: Connection, job_id: UUID, done: asyncpg.Record) -> None:
    """Note of a new clone's job what it took over."""
    await connection.execute(
        """
        UPDATE jobs
        SET images_succeeded = $2::int, images_failed = $3::int, items_ended = $2::int + $3::int, source_bytes = $4,
            rendition_bytes = $5
        WHERE job_id = $1
        """,
        job_id,
        done["succeeded"],
        done["failed"],
        done["source_bytes"],
        done["rendition_bytes"],
    )


async def count_results(connection: Connection, job_id: UUID, results: asyncpg.Record) -> None:
    """Note of a new clone how many results it took over."""
    await connection.execute(
        """
        UPDATE batches
        SET processed_before = $2::int + $3::int, results_succeeded = $2::int, results_failed = $3::int,
            results_store_images = $4
        WHERE job_id = $1
        """,
        job_id,
        results["succeeded"],
        results["failed"],
        results["store_images"],
    )
