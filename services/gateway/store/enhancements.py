"""SQL over what was made of uploads: images of albums' jobs, which the albums door calls jobs."""

from uuid import UUID

import asyncpg

from shared.outcome import Connection

ENHANCEMENTS_MAX = 1_000
"""So many of one upload are told, the newest."""


async def list_enhancements(connection: Connection, upload_id: UUID) -> list[asyncpg.Record]:
    """An upload's enhancements, the newest first; without what could not be paid or was deleted."""
    return await connection.fetch(
        """
        SELECT images.image_id, images.state::text AS state, images.run, images.seq, jobs.next_seq, jobs.tier,
               jobs.price_tokens, images.digest, images.format, images.width, images.height, images.rendition_bytes,
               images.problem, images.detail, jobs.created_at AS job_created_at,
               CASE WHEN images.state = 'pending' AND images.seq < jobs.next_seq
                    THEN jobs.advanced_at ELSE images.requested_at END AS requested_at,
               images.ended_at, jobs.state::text AS job_state, images.upload_id, uploads.name
        FROM images JOIN jobs USING (job_id) LEFT JOIN uploads USING (upload_id)
        WHERE images.upload_id = $1 AND jobs.kind = 'album' AND jobs.problem IS DISTINCT FROM 'tokens_declined'
          AND images.hidden_at IS NULL
        ORDER BY jobs.created_at DESC, images.image_id DESC
        LIMIT $2
        """,
        upload_id,
        ENHANCEMENTS_MAX,
    )


async def find_enhanced(connection: Connection, image_id: UUID) -> asyncpg.Record | None:
    """An enhanced picture, its owner and its name; whether an album that is open to all holds its original."""
    return await connection.fetchrow(
        """
        SELECT jobs.account_id, images.digest, images.format, uploads.name, EXISTS (
            SELECT FROM album_images JOIN albums USING (album_id)
            WHERE album_images.upload_id = images.upload_id AND albums.privacy <> 'PRIVATE'
        ) AS shared
        FROM images JOIN jobs USING (job_id) LEFT JOIN uploads USING (upload_id)
        WHERE images.image_id = $1 AND images.state = 'succeeded' AND images.hidden_at IS NULL
          AND jobs.kind = 'album'
        """,
        image_id,
    )
