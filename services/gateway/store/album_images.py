"""SQL over the images of albums: their order changes only while the album is locked."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from shared.outcome import Connection


async def list_images(connection: Connection, album_id: UUID) -> list[asyncpg.Record]:
    """An album's images in their order, each with its newest enhancement that succeeded."""
    return await connection.fetch(
        """
        SELECT uploads.*, album_images.sort_order, newest.image_id AS enhanced_id, newest.tier
        FROM album_images JOIN uploads USING (upload_id)
        LEFT JOIN LATERAL (
            SELECT images.image_id, jobs.tier
            FROM images JOIN jobs USING (job_id)
            WHERE images.upload_id = uploads.upload_id AND images.state = 'succeeded' AND images.hidden_at IS NULL
              AND jobs.kind = 'album'
            ORDER BY jobs.created_at DESC, images.image_id DESC
            LIMIT 1
        ) AS newest ON true
        WHERE album_images.album_id = $1
        ORDER BY album_images.sort_order, album_images.album_image_id
        """,
        album_id,
    )


async def list_members(connection: Connection, album_id: UUID) -> list[asyncpg.Record]:
    """Which images an album holds, in their order."""
    return await connection.fetch(
        """
        SELECT upload_id, sort_order
        FROM album_images
        WHERE album_id = $1
        ORDER BY sort_order, album_image_id
        """,
        album_id,
    )


async def insert_members(
    connection: Connection, album_id: UUID, album_image_ids: Sequence[UUID], upload_ids: Sequence[UUID], first: int
) -> None:
    """Append images that the locked album does not hold, from position `first` on."""
    await connection.execute(
        """
        INSERT INTO album_images (album_image_id, album_id, upload_id, sort_order)
        SELECT added.album_image_id, $1, added.upload_id, $4 + added.place - 1
        FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS added (album_image_id, upload_id, place)
        """,
        album_id,
        album_image_ids,
        upload_ids,
        first,
    )


async def delete_members(connection: Connection, album_id: UUID, upload_ids: Sequence[UUID]) -> int:
    """Take images out of a locked album; returns how many it held."""
    return len(
        await connection.fetch(
            "DELETE FROM album_images WHERE album_id = $1 AND upload_id = ANY($2::uuid[]) RETURNING true",
            album_id,
            upload_ids,
        )
    )


async def set_order(connection: Connection, album_id: UUID, upload_ids: Sequence[UUID]) -> None:
    """Put all images of a locked album in this order."""
    await connection.execute(
        """
        UPDATE album_images SET sort_order = placed.place - 1
        FROM unnest($2::uuid[]) WITH ORDINALITY AS placed (upload_id, place)
        WHERE album_images.album_id = $1 AND album_images.upload_id = placed.upload_id
        """,
        album_id,
        upload_ids,
    )


async def note_change(connection: Connection, album_id: UUID, removed: Sequence[UUID] = ()) -> None:
    """The locked album's images have changed: a cover that was removed is its cover no more."""
    await connection.execute(
        """
        UPDATE albums
        SET cover_id = CASE WHEN cover_id = ANY($2::uuid[]) THEN NULL ELSE cover_id END, updated_at = now()
        WHERE album_id = $1
        """,
        album_id,
        removed,
    )
