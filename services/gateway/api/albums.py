"""The albums door: albums, their owners' and those that are open to all."""

from typing import Any

import asyncpg
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.gateway import albums
from services.gateway.api.album_bodies import AlbumChanges, NewAlbum, album_fields, new_album, read_object
from services.gateway.api.album_errors import KEYED, OPEN, errors, in_the_doors_words, must_own, not_found
from services.gateway.api.album_views import (
    AlbumChanged,
    AlbumFound,
    AlbumMade,
    AlbumsView,
    Done,
    album_view,
    changed_album,
    listed_album,
    made_album,
)
from services.gateway.api.bodies import described
from services.gateway.api.callers import KeyedAccountOf, PortsOf, VisitorOf
from services.gateway.api.ids import id_of
from services.gateway.api.once import IdempotencyKey, keyed, once
from services.gateway.ports import Ports
from services.gateway.store import album_images
from services.gateway.store.albums import AlbumFields, delete_album, find_album, insert_album, list_albums
from shared.envelope import new_id
from shared.outcome import Connection

router = APIRouter(tags=["albums"], prefix="/api/albums")

PREVIEWS = 4
NO_ALBUM = "No such album, or not the caller's"
FORBIDDEN = "It is another account's"
CHANGE = errors({400: "Something in the body is not as it must be", 403: FORBIDDEN, 404: "No such album"})


async def found_album(connection: Connection, album_id: str) -> asyncpg.Record | None:
    """An album by the id in a path, whoever owns it."""
    known = id_of(album_id)
    return await find_album(connection, known) if known else None


async def own_album(ports: Ports, account_id: str, album_id: str) -> asyncpg.Record:
    """An album that its owner is about to change; raises 404, 403."""
    async with ports.database.connection() as connection:
        return must_own(account_id, await found_album(connection, album_id), "Album")


@router.get("", summary="The caller's albums", response_model=AlbumsView, responses=KEYED)
async def list_own_albums(account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """In the order in which they were made, each with its first images."""
    async with ports.database.connection() as connection:
        rows = await list_albums(connection, account_id, PREVIEWS)
    return JSONResponse({"albums": [listed_album(row, ports.settings.public_url) for row in rows]})


@router.post(
    "",
    summary="Make an album",
    response_model=AlbumMade,
    responses={
        **KEYED,
        **errors({400: "Something in the body is not as it must be", 422: "The Idempotency-Key stands for another"}),
        **errors({409: "There is one of that name and privacy, or the Idempotency-Key's first request still runs"}),
    },
    openapi_extra=described(NewAlbum),
)
async def create_album(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """One that is UNLISTED or PUBLIC can be seen by all who know its id, and gets a share token."""
    body = await read_object(request)
    said = new_album(body)
    fields = AlbumFields(**said, share_token=albums.share_token(said["privacy"]))

    async def made(connection: Connection) -> dict[str, Any]:
        return {"album": made_album(await insert_album(connection, new_id(), account_id, fields))}

    with in_the_doors_words():
        return await once(ports, keyed(account_id, "album", idempotency_key, body), made)


@router.get(
    "/{album_id}",
    summary="An album with its images",
    response_model=AlbumFound,
    responses={**OPEN, **errors({404: "No such album, or another's that is private"})},
)
async def get_album(album_id: str, visitor: str | None = VisitorOf, ports: Ports = PortsOf) -> JSONResponse:
    """An album that is UNLISTED or PUBLIC needs no key."""
    async with ports.database.connection() as connection:
        album = await found_album(connection, album_id)
        if album is None or (album["privacy"] == "PRIVATE" and album["account_id"] != visitor):
            raise not_found("Album")
        images = await album_images.list_images(connection, album["album_id"])
    is_owner = album["account_id"] == visitor
    view = album_view(album, images, is_owner=is_owner, public_url=ports.settings.public_url)
    return JSONResponse({"album": view})


@router.patch(
    "/{album_id}",
    summary="Change an album",
    response_model=AlbumChanged,
    responses={**KEYED, **CHANGE, **errors({409: "There is one of that name and privacy"})},
    openapi_extra=described(AlbumChanges),
)
async def change_album(
    album_id: str, request: Request, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """What is not named stays. Sharing makes a token, and PRIVATE takes it away for good."""
    album = await own_album(ports, account_id, album_id)
    changes = album_fields(await read_object(request), "Invalid tier")
    with in_the_doors_words():
        async with ports.database.transaction() as connection:
            changed = await albums.change(connection, account_id, album["album_id"], changes)
    return JSONResponse({"album": changed_album(changed)})


@router.delete(
    "/{album_id}",
    summary="Delete an album",
    response_model=Done,
    responses={**KEYED, **errors({403: FORBIDDEN, 404: "No such album"})},
)
async def remove_album(album_id: str, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Its images stay."""
    album = await own_album(ports, account_id, album_id)
    async with ports.database.transaction() as connection:
        if not await delete_album(connection, account_id, album["album_id"]):
            raise not_found("Album")
    return JSONResponse({"success": True})
