"""SQL over what the albums door calls jobs: images of jobs over uploads. What could not be paid is never shown."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from shared.outcome import Connection


async def lock_uploads(connection: Connection, account_id: str, upload_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Those of the uploads that are the account's: nobody else has them enhanced until the transaction ends."""
    return await connection.fetch(
        """
        SELECT upload_id, name
        FROM uploads
        WHERE upload_id = ANY($1::uuid[]) AND account_id = $2
        ORDER BY upload_id
        FOR NO KEY UPDATE
        """,
        upload_ids,
        account_id,
    )


async def list_enhanced(connection: Connection, upload_ids: Sequence[UUID], tier: str) -> list[asyncpg.Record]:
    """Of locked uploads, those that are enhanced at a tier or (`running_id`: by which image) will yet be.

    What is stopped before its turn will not: a job's images that wait while it is being cancelled.
    """
    return await connection.fetch(
        """
        SELECT images.upload_id, (array_agg(images.image_id) FILTER (WHERE images.state = 'pending'))[1] AS running_id
        FROM images JOIN jobs USING (job_id)
        WHERE images.upload_id = ANY($1::uuid[]) AND jobs.kind = 'album' AND jobs.tier = $2
          AND (images.state = 'succeeded' AND images.hidden_at IS NULL
               OR images.state = 'pending'
                  AND (jobs.state IN ('awaiting_tokens', 'open') OR images.seq < jobs.next_seq))
        GROUP BY images.upload_id
        """,
        upload_ids,
        tier,
    )


async def find_asked(connection: Connection, job_id: UUID) -> asyncpg.Record:
    """A job as its door's answer needs it, with its images and their uploads in order."""
    row = await connection.fetchrow(
        """
        SELECT jobs.account_id, jobs.state::text AS state, jobs.problem, jobs.reference, jobs.price_tokens,
               jobs.images_total, jobs.door_facts, jobs.traceparent, image_ids, upload_ids
        FROM jobs
        CROSS JOIN LATERAL (
            SELECT array_agg(image_id ORDER BY seq) AS image_ids, array_agg(upload_id ORDER BY seq) AS upload_ids
            FROM images
            WHERE images.job_id = jobs.job_id
        ) AS units
        WHERE jobs.job_id = $1
        """,
        job_id,
    )
    assert row is not None
    return row


async def list_named(
    connection: Connection, account_id: str, ids: Sequence[UUID], references: Sequence[str]
) -> list[asyncpg.Record]:
    """What an account's door names by these ids, of images or of whole jobs, in the jobs' order."""
    return await connection.fetch(
        """
        WITH named AS (
            SELECT image_id FROM images WHERE image_id = ANY($2::uuid[])
            UNION
            SELECT image_id
            FROM jobs JOIN images USING (job_id)
            WHERE jobs.account_id = $1 AND jobs.kind = 'album'
              AND (jobs.job_id = ANY($2::uuid[]) OR jobs.reference = ANY($3::text[]))
        )
        SELECT images.image_id, images.job_id, images.state::text AS state, images.run, images.seq, jobs.next_seq,
               jobs.tier, jobs.price_tokens, images.digest, images.format, images.width, images.height,
               images.rendition_bytes, images.problem, images.detail, jobs.created_at AS job_created_at,
               CASE WHEN images.state = 'pending' AND images.seq < jobs.next_seq
                    THEN jobs.advanced_at ELSE images.requested_at END AS requested_at,
               images.ended_at, jobs.state::text AS job_state, jobs.reference, images.upload_id,
               coalesce(uploads.name, images.item_name) AS name, uploads.upload_id IS NULL AS upload_gone,
               (images.source_blob ->> 'width')::int AS original_width,
               (images.source_blob ->> 'height')::int AS original_height
        FROM named JOIN images USING (image_id) JOIN jobs USING (job_id) LEFT JOIN uploads USING (upload_id)
        WHERE jobs.account_id = $1 AND jobs.kind = 'album' AND jobs.problem IS DISTINCT FROM 'tokens_declined'
          AND images.hidden_at IS NULL
        ORDER BY images.job_id, images.seq
        """,
        account_id,
        ids,
        references,
    )


async def cancel_images(connection: Connection, job_id: UUID, image_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """End those of a locked job's images that have not ended; returns them, and which were let in."""
    return await connection.fetch(
        """
        UPDATE images
        SET state = 'cancelled', problem = 'cancelled', ended_at = now(),
            requested_at = CASE WHEN images.seq < jobs.next_seq THEN jobs.advanced_at END
        FROM jobs
        WHERE images.job_id = $1 AND jobs.job_id = $1 AND images.image_id = ANY($2::uuid[])
          AND images.state = 'pending'
        RETURNING images.image_id, images.seq, images.item, images.item_key, images.item_name, images.position,
                  images.item_size, images.source_url, images.carried, images.seq < jobs.next_seq AS let_in
        """,
        job_id,
        image_ids,
    )


async def hide_images(connection: Connection, image_ids: Sequence[UUID]) -> int:
    """Put images that have ended out of their owner's sight; returns how many were not yet."""
    return len(
        await connection.fetch(
            """
            UPDATE images SET hidden_at = now()
            WHERE image_id = ANY($1::uuid[]) AND state <> 'pending' AND hidden_at IS NULL
            RETURNING true
            """,
            image_ids,
        )
    )


async def list_refunds(connection: Connection, account_id: str, image_ids: Sequence[str]) -> list[asyncpg.Record]:
    """The lines of an account's statement that give images' tokens back, the newest first."""
    return await connection.fetch(
        """
        SELECT source_id, balance_after
        FROM transactions
        WHERE account_id = $1 AND source_id = ANY($2::text[]) AND type = 'REFUND'
        ORDER BY version DESC, line DESC
        """,
        account_id,
        image_ids,
    )
