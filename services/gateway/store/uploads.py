"""SQL over uploads, which the albums door calls images: their originals never change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import asyncpg

from shared.db import Row
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A picture whose bytes are safe in the blob store; width and height as seen upright."""

    upload_id: UUID
    account_id: str
    name: str
    digest: str
    format: str
    width: int
    height: int
    size_bytes: int

    @classmethod
    def of(cls, row: Row) -> Self:
        """An upload as its row keeps it."""
        return cls(*(row[column] for column in cls.__slots__))


async def insert_uploads(connection: Connection, uploads: Sequence[NewUpload]) -> None:
    """Keep uploads."""
    await connection.execute(
        """
        INSERT INTO uploads (upload_id, account_id, name, digest, format, width, height, size_bytes)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[],
                             $8::bigint[])
        """,
        *([getattr(upload, column) for upload in uploads] for column in NewUpload.__slots__),
    )


async def find_upload(connection: Connection, upload_id: UUID) -> asyncpg.Record | None:
    """An upload, whoever owns it, and whether an album that is open to all holds it."""
    return await connection.fetchrow(
        """
        SELECT uploads.*, EXISTS (
            SELECT FROM album_images JOIN albums USING (album_id)
            WHERE album_images.upload_id = uploads.upload_id AND albums.privacy <> 'PRIVATE'
        ) AS shared
        FROM uploads
        WHERE upload_id = $1
        """,
        upload_id,
    )


async def lock_uploads(connection: Connection, account_id: str, upload_ids: Sequence[UUID]) -> int:
    """Keep uploads of the account from being deleted until the transaction ends; returns how many there are."""
    return len(
        await connection.fetch(
            """
            SELECT FROM uploads
            WHERE upload_id = ANY($1::uuid[]) AND account_id = $2
            ORDER BY upload_id
            FOR KEY SHARE
            """,
            upload_ids,
            account_id,
        )
    )


async def delete_upload(connection: Connection, account_id: str, upload_id: UUID) -> bool:
    """Delete an upload, out of all albums and covers too; False when there is none."""
    return bool(
        await connection.fetchval(
            "DELETE FROM uploads WHERE upload_id = $1 AND account_id = $2 RETURNING true", upload_id, account_id
        )
    )


async def delete_unpaid(connection: Connection, job_id: UUID) -> None:
    """Delete the upload that came to be enhanced at once, by this job, which came to nothing."""
    await connection.execute(
        """
        DELETE FROM uploads
        USING images JOIN jobs USING (job_id)
        WHERE jobs.job_id = $1 AND jobs.door_facts ->> 'source' = 'image_upload_enhancement'
          AND images.upload_id = uploads.upload_id
        """,
        job_id,
    )
