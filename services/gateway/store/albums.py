"""SQL over albums. Who locks uploads and an album does so in this order: uploads (by id), then the album."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.errors import DarkroomError
from shared.outcome import Connection


class NameTaken(DarkroomError):
    """An album with this name already exists"""


@dataclass(frozen=True, slots=True)
class AlbumFields:
    """What its owner says of an album; a share token where it is not private."""

    name: str
    description: str | None
    privacy: str
    share_token: str | None
    default_tier: str
    pipeline_id: str | None = None
    cover_id: UUID | None = None


@contextmanager
def _naming_what_is_broken() -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "albums_named_once":
            raise NameTaken from None
        raise


async def insert_album(connection: Connection, album_id: UUID, account_id: str, fields: AlbumFields) -> asyncpg.Record:
    """Make an album, the last of its account's. Raises NameTaken."""
    with _naming_what_is_broken():
        row = await connection.fetchrow(
            """
            INSERT INTO albums (album_id, account_id, name, description, privacy, share_token, default_tier, sort_order)
            SELECT $1, $2, $3, $4, $5, $6, $7, coalesce(max(sort_order) + 1, 0)
            FROM albums
            WHERE account_id = $2
            RETURNING *
            """,
            album_id,
            account_id,
            fields.name,
            fields.description,
            fields.privacy,
            fields.share_token,
            fields.default_tier,
        )
    assert row is not None
    return row


async def update_album(connection: Connection, album_id: UUID, fields: AlbumFields) -> asyncpg.Record:
    """Change a locked album. Raises NameTaken."""
    with _naming_what_is_broken():
        row = await connection.fetchrow(
            """
            UPDATE albums
            SET name = $2, description = $3, privacy = $4, share_token = $5, default_tier = $6, pipeline_id = $7,
                cover_id = $8, updated_at = now()
            WHERE album_id = $1
            RETURNING *
            """,
            album_id,
            fields.name,
            fields.description,
            fields.privacy,
            fields.share_token,
            fields.default_tier,
            fields.pipeline_id,
            fields.cover_id,
        )
    assert row is not None
    return row


async def find_album(connection: Connection, album_id: UUID) -> asyncpg.Record | None:
    """An album, whoever owns it."""
    return await connection.fetchrow("SELECT * FROM albums WHERE album_id = $1", album_id)


async def lock_album(connection: Connection, account_id: str, album_id: UUID) -> asyncpg.Record | None:
    """An album of the account, not to be changed by others until the transaction ends."""
    return await connection.fetchrow(
        "SELECT * FROM albums WHERE album_id = $1 AND account_id = $2 FOR UPDATE", album_id, account_id
    )


async def delete_album(connection: Connection, account_id: str, album_id: UUID) -> bool:
    """Delete an album; its images stay. False when there is none."""
    return bool(
        await connection.fetchval(
            "DELETE FROM albums WHERE album_id = $1 AND account_id = $2 RETURNING true", album_id, account_id
        )
    )


async def list_albums(connection: Connection, account_id: str, previews: int) -> list[asyncpg.Record]:
    """An account's albums in their order, each with the number of its images and the first of them."""
    return await connection.fetch(
        """
        SELECT albums.*, preview.upload_ids, preview.names,
               (SELECT count(*) FROM album_images WHERE album_images.album_id = albums.album_id) AS image_count
        FROM albums
        CROSS JOIN LATERAL (
            SELECT array_agg(upload_id ORDER BY sort_order, album_image_id) AS upload_ids,
                   array_agg(name ORDER BY sort_order, album_image_id) AS names
            FROM (
                SELECT upload_id, name, sort_order, album_image_id
                FROM album_images JOIN uploads USING (upload_id)
                WHERE album_images.album_id = albums.album_id
                ORDER BY sort_order, album_image_id
                LIMIT $2
            ) AS first
        ) AS preview
        WHERE account_id = $1
        ORDER BY sort_order, created_at DESC, album_id
        """,
        account_id,
        previews,
    )
