"""The albums door: uploaded images, what was made of them, and the files of both."""

from typing import Any

import asyncpg
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from services.gateway.api.album_errors import KEYED, OPEN, errors, must_own, not_found
from services.gateway.api.blob_files import picture_response
from services.gateway.api.callers import KeyedAccountOf, PortsOf, VisitorOf
from services.gateway.api.ids import id_of
from services.gateway.api.image_views import ImageDeleted, ImageFound, VersionsView, image_view, versions_view
from services.gateway.api.problems import Responses
from services.gateway.api.rate_limits import VERSIONS_LIMITED
from services.gateway.ports import Ports
from services.gateway.store.enhancements import find_enhanced, list_enhancements
from services.gateway.store.uploads import delete_upload, find_upload
from shared.outcome import Connection
from shared.pictures import MEDIA_TYPES

router = APIRouter(tags=["images"])

NO_IMAGE = errors({404: "No such image, or another's that no shared album holds"})
PICTURES: dict[str, Any] = {media_type: {} for media_type in MEDIA_TYPES.values()}
PICTURE: Responses = {
    200: {"content": PICTURES, "description": "The picture; Range requests are served"},
    304: {"description": "The caller has it: If-None-Match"},
}


async def found_upload(connection: Connection, image_id: str) -> asyncpg.Record | None:
    """An upload by the id in a path, whoever owns it."""
    known = id_of(image_id)
    return await find_upload(connection, known) if known else None


def is_open_to(visitor: str | None, found: asyncpg.Record) -> bool:
    """Whether a caller may look: its owner, or anyone where a shared album holds it."""
    return bool(found["shared"]) or found["account_id"] == visitor


async def _seen(ports: Ports, account_id: str, image_id: str) -> tuple[asyncpg.Record, list[asyncpg.Record]]:
    """An upload that the caller may look at and its enhancements, for others those that succeeded; raises 404."""
    async with ports.database.connection() as connection:
        upload = await found_upload(connection, image_id)
        if upload is None or not is_open_to(account_id, upload):
            raise not_found("Image")
        enhancements = await list_enhancements(connection, upload["upload_id"])
    if upload["account_id"] != account_id:
        enhancements = [row for row in enhancements if row["state"] == "succeeded"]
    return upload, enhancements


@router.get(
    "/api/images/{image_id}",
    summary="An image with its enhancements",
    response_model=ImageFound,
    responses={**KEYED, **NO_IMAGE},
)
async def get_image(image_id: str, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """The newest enhancement first. Of an image in another's shared album those that succeeded are told."""
    upload, enhancements = await _seen(ports, account_id, image_id)
    return JSONResponse(image_view(upload, enhancements, ports.settings.public_url))


@router.get(
    "/api/images/{image_id}/versions",
    summary="What was made of an image",
    response_model=VersionsView,
    responses={**KEYED, **NO_IMAGE},
    dependencies=[VERSIONS_LIMITED],
)
async def get_versions(image_id: str, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """The enhancements that succeeded, the oldest first."""
    upload, enhancements = await _seen(ports, account_id, image_id)
    return JSONResponse(versions_view(upload, enhancements, ports.settings.public_url))


@router.delete(
    "/api/images/{image_id}",
    summary="Delete an image",
    response_model=ImageDeleted,
    responses={**KEYED, **errors({403: "It is another account's", 404: "No such image"})},
)
async def delete_image(image_id: str, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """It leaves all albums, and what was its enhancement under way ends as if nothing had happened."""
    async with ports.database.transaction() as connection:
        upload = must_own(account_id, await found_upload(connection, image_id), "Image")
        if not await delete_upload(connection, account_id, upload["upload_id"]):
            raise not_found("Image")
    return JSONResponse({"success": True, "message": "Image deleted successfully"})


@router.get(
    "/api/images/{image_id}/original",
    summary="An image as it was uploaded",
    response_class=Response,
    responses={**OPEN, **NO_IMAGE, **PICTURE},
)
async def get_original(
    image_id: str, request: Request, visitor: str | None = VisitorOf, ports: Ports = PortsOf
) -> Response:
    """Byte for byte. Images of albums that are UNLISTED or PUBLIC need no key."""
    async with ports.database.connection() as connection:
        upload = await found_upload(connection, image_id)
    if upload is None or not is_open_to(visitor, upload):
        raise not_found("Image")
    return await picture_response(request, ports, upload["digest"], upload["format"], upload["name"])


@router.get(
    "/api/jobs/{job_id}/image",
    summary="An enhanced image",
    response_class=Response,
    responses={**OPEN, **errors({404: "No such job, or it has made no image"}), **PICTURE},
)
async def get_enhanced(
    job_id: str, request: Request, visitor: str | None = VisitorOf, ports: Ports = PortsOf
) -> Response:
    """What an enhancement has made. Images of albums that are UNLISTED or PUBLIC need no key."""
    known = id_of(job_id)
    async with ports.database.connection() as connection:
        found = await find_enhanced(connection, known) if known else None
    if found is None or not is_open_to(visitor, found):
        raise not_found("Job")
    return await picture_response(request, ports, found["digest"], found["format"], found["name"] or str(known))
