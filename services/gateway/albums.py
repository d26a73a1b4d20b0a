"""Albums change under their lock, so that parallel calls leave every image at one place of its own."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg

from services.gateway.store import album_images, albums, uploads
from services.gateway.store.albums import AlbumFields
from shared.envelope import new_id
from shared.errors import DarkroomError
from shared.outcome import Connection

ALBUM_IMAGES_MAX = 10_000
SHARE_TOKEN_BYTES = 9


class NoSuchAlbum(DarkroomError):
    """Album not found"""


class NotTheCallers(DarkroomError):
    """Some images were not found or do not belong to you"""


class NoCover(DarkroomError):
    """Cover image must be in the album"""


class NotInAlbum(DarkroomError):
    """Some images are not in this album"""


class AlbumFull(DarkroomError):
    """An album holds at most 10,000 images"""


def share_token(privacy: str, present: str | None = None) -> str | None:
    """The token of an album that is not private: 12 URL-safe characters, kept while it is shared."""
    return None if privacy == "PRIVATE" else present or secrets.token_urlsafe(SHARE_TOKEN_BYTES)


async def change(connection: Connection, account_id: str, album_id: UUID, changes: dict[str, Any]) -> asyncpg.Record:
    """Change fields of an album (names as of AlbumFields). Raises NoSuchAlbum, NoCover, NameTaken."""
    cover_id = changes.get("cover_id")
    if cover_id is not None and not await uploads.lock_uploads(connection, account_id, [cover_id]):
        raise NoCover
    album = await _lock(connection, account_id, album_id)
    if cover_id is not None and cover_id not in await _members(connection, album_id):
        raise NoCover
    fields = replace(AlbumFields(**{name: album[name] for name in AlbumFields.__slots__}), **changes)
    fields = replace(fields, share_token=share_token(fields.privacy, album["share_token"]))
    return await albums.update_album(connection, album_id, fields)


async def append(
    connection: Connection, account_id: str, album_id: UUID, upload_ids: Sequence[UUID]
) -> dict[UUID, UUID]:
    """Put uploads behind an album's images, in this order; returns the new ones' places by their upload.

    Raises NotTheCallers (also when one is named twice), NoSuchAlbum, AlbumFull.
    """
    if await uploads.lock_uploads(connection, account_id, upload_ids) < len(upload_ids):
        raise NotTheCallers
    await _lock(connection, account_id, album_id)
    present = await album_images.list_members(connection, album_id)
    known = {row["upload_id"] for row in present}
    added = {upload_id: new_id() for upload_id in upload_ids if upload_id not in known}
    if len(known) + len(added) > ALBUM_IMAGES_MAX:
        raise AlbumFull
    if added:
        following = present[-1]["sort_order"] + 1 if present else 0
        await album_images.insert_members(connection, album_id, list(added.values()), list(added), following)
        await album_images.note_change(connection, album_id)
    return added


async def remove(connection: Connection, account_id: str, album_id: UUID, upload_ids: Sequence[UUID]) -> int:
    """Take images out of an album, which may be its cover; returns how many it held. Raises NoSuchAlbum."""
    await _lock(connection, account_id, album_id)
    removed = await album_images.delete_members(connection, album_id, upload_ids)
    if removed:
        await album_images.note_change(connection, album_id, upload_ids)
    return removed


async def reorder(connection: Connection, account_id: str, album_id: UUID, first: Sequence[UUID]) -> None:
    """Put these images first, in this order; the others follow as they were. Raises NoSuchAlbum, NotInAlbum."""
    await _lock(connection, account_id, album_id)
    members = await _members(connection, album_id)
    if not set(first) <= set(members):
        raise NotInAlbum
    named = set(first)
    rest = [upload_id for upload_id in members if upload_id not in named]
    await album_images.set_order(connection, album_id, [*first, *rest])
    await album_images.note_change(connection, album_id)


async def _lock(connection: Connection, account_id: str, album_id: UUID) -> asyncpg.Record:
    album = await albums.lock_album(connection, account_id, album_id)
    if album is None:
        raise NoSuchAlbum
    return album


async def _members(connection: Connection, album_id: UUID) -> list[UUID]:
    return [row["upload_id"] for row in await album_images.list_members(connection, album_id)]
