"""The albums door: which images an album holds, and in which order."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.gateway import albums
from services.gateway.albums import ALBUM_IMAGES_MAX, NotInAlbum, NotTheCallers
from services.gateway.api.album_bodies import IMAGE_IDS_MAX, ImageIds, ImageOrder, ids_of, read_object, texts_of
from services.gateway.api.album_errors import KEYED, errors, in_the_doors_words
from services.gateway.api.album_views import Done, ImagesAdded, ImagesRemoved
from services.gateway.api.albums import CHANGE, own_album
from services.gateway.api.bodies import described
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.api.ids import id_of
from services.gateway.api.once import IdempotencyKey, keyed, once
from services.gateway.api.problems import Refused
from services.gateway.ports import Ports
from shared.outcome import Connection

router = APIRouter(tags=["albums"], prefix="/api/albums/{album_id}/images")

IDS_REQUIRED = "Image IDs are required"
ORDER_REQUIRED = "Image order array is required"


@router.post(
    "",
    summary="Add images to an album",
    response_model=ImagesAdded,
    responses={
        **KEYED,
        **CHANGE,
        **errors(
            {409: "The Idempotency-Key's first request still runs", 422: "The Idempotency-Key stands for another"}
        ),
    },
    openapi_extra=described(ImageIds),
)
async def add_images(
    album_id: str,
    request: Request,
    idempotency_key: IdempotencyKey = None,
    account_id: str = KeyedAccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Behind those that are there, in the order of the body; all of them or, where one is not the caller's, none."""
    album = await own_album(ports, account_id, album_id)
    body = await read_object(request)
    upload_ids = ids_of(texts_of(body, "imageIds", IDS_REQUIRED, IMAGE_IDS_MAX, 1), str(NotTheCallers.__doc__))

    async def added(connection: Connection) -> dict[str, Any]:
        new = await albums.append(connection, account_id, album["album_id"], upload_ids)
        return {"success": True, "added": len(new), "results": [_added(each, new) for each in upload_ids]}

    with in_the_doors_words():
        known = keyed(account_id, f"album/{album['album_id']}/images", idempotency_key, body)
        return await once(ports, known, added)


def _added(upload_id: UUID, new: dict[UUID, UUID]) -> dict[str, Any]:
    if upload_id in new:
        return {"imageId": str(upload_id), "success": True, "albumImageId": str(new[upload_id])}
    return {"imageId": str(upload_id), "success": False, "reason": "already_in_album"}


@router.delete(
    "",
    summary="Take images out of an album",
    response_model=ImagesRemoved,
    responses={**KEYED, **CHANGE},
    openapi_extra=described(ImageIds),
)
async def remove_images(
    album_id: str, request: Request, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """The images stay; what the album does not hold is passed over. A cover that is taken out is a cover no more."""
    album = await own_album(ports, account_id, album_id)
    texts = texts_of(await read_object(request), "imageIds", IDS_REQUIRED, IMAGE_IDS_MAX, 1)
    upload_ids = [known for known in map(id_of, texts) if known is not None]
    with in_the_doors_words():
        async with ports.database.transaction() as connection:
            removed = await albums.remove(connection, account_id, album["album_id"], upload_ids)
    return JSONResponse({"success": True, "removed": removed})


@router.patch(
    "",
    summary="Put an album's images in order",
    response_model=Done,
    responses={**KEYED, **CHANGE},
    openapi_extra=described(ImageOrder),
)
async def reorder_images(
    album_id: str, request: Request, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """The images that are named come first, in this order; the others follow in the order that they had."""
    album = await own_album(ports, account_id, album_id)
    texts = texts_of(await read_object(request), "imageOrder", ORDER_REQUIRED, ALBUM_IMAGES_MAX)
    if len(set(texts)) < len(texts):
        raise Refused(400, "Image order must name each image once")
    first = ids_of(texts, str(NotInAlbum.__doc__))
    with in_the_doors_words():
        async with ports.database.transaction() as connection:
            await albums.reorder(connection, account_id, album["album_id"], first)
    return JSONResponse({"success": True})
