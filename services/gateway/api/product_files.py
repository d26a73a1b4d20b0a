"""The products door: result files and images, as downloads."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from services.gateway.api.blob_files import blob_response
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.jobs import find_product_job
from services.gateway.api.problems import UNAUTHORIZED, UNKNOWN, ErrorDetail, Refused
from services.gateway.domain import ENDED_STATES
from services.gateway.ports import Ports
from services.gateway.store import exports, images
from shared import outbox
from shared.envelope import new_id
from shared.events import ExportRequested
from shared.facts import FileFormat
from shared.pictures import MEDIA_TYPES, extension_of

router = APIRouter(tags=["products"])

FILE_TYPES: dict[FileFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
JSON_EXAMPLE = [
    {
        "serial_number": 1,
        "product_name": "Chair",
        "input_image_urls": ["https://shop.example/chair.jpg"],
        "output_image_urls": ["http://localhost:8000/api/image/01a1fc40-a233-74a1-9e9b-61c09a16c5cf.jpg"],
        "images": [],
    }
]
FILE_CONTENT: dict[str, Any] = {media_type: {} for media_type in FILE_TYPES.values()}
FILE_CONTENT["application/json"] = {"example": JSON_EXAMPLE}
IMAGE_NAME = re.compile(r"[a-z0-9_-]+\.(?:jpe?g|png|gif|webp|tiff|bmp|avif)")


@router.get(
    "/api/download/{request_id}",
    summary="The results as a file",
    response_class=Response,
    responses={
        **UNKNOWN,
        200: {"content": FILE_CONTENT, "description": "The file"},
        202: {"model": ErrorDetail, "description": "Still being written: ask again after Retry-After seconds"},
        400: {"model": ErrorDetail, "description": "The request has not ended"},
        500: {"model": ErrorDetail, "description": "The file cannot be written"},
    },
)
async def download(
    request_id: str,
    request: Request,
    format: Annotated[FileFormat, Query(description="`zip` holds the images with the CSV beside them")] = "csv",
    layout: Annotated[Literal["standard", "legacy"], Query(description="`legacy`: lists unquoted")] = "standard",
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> Response:
    """The file is written at the first call and kept; Range requests are served."""
    job = await find_product_job(ports, account_id, request_id)
    if job["state"] not in ENDED_STATES:
        raise Refused(400, "CSV is only available for completed requests")
    await _request_export(ports, job, format, layout)
    export = await ports.live.until(
        job["job_id"], lambda: _ended_export(ports, job, format, layout), ports.settings.download_wait_seconds
    )
    if export is None:
        return JSONResponse({"detail": "The file is still being written"}, 202, headers={"Retry-After": "5"})
    if export["state"] == "failed":
        raise Refused(500, "Error generating output CSV", problem=export["problem"], reason=export["detail"])
    name = f"processed_{job['file_name'].rpartition('.')[0]}.{format}"
    return await blob_response(request, ports, export["digest"], FILE_TYPES[format], name)


async def _request_export(ports: Ports, job: asyncpg.Record, file_format: FileFormat, layout: str) -> None:
    async with ports.database.transaction() as connection:
        export_id = await exports.insert_export(connection, new_id(), job, file_format, layout)
        if export_id is None:
            return
        said = ExportRequested.model_validate(
            {
                "account_id": job["account_id"],
                "export_id": export_id,
                "job_id": job["job_id"],
                "run": job["run"],
                "format": file_format,
                "layout": layout,
                "images_total": job["images_total"],
            }
        )
        posted = await outbox.add(connection, [outbox.following(job["traceparent"], said, source="gateway")])
    ports.relay.publish(posted)


async def _ended_export(
    ports: Ports, job: asyncpg.Record, file_format: FileFormat, layout: str
) -> asyncpg.Record | None:
    async with ports.database.connection() as connection:
        found = await exports.find_export(connection, job, file_format, layout)
    return found if found is not None and found["state"] != "requested" else None


@router.get(
    "/api/image/{filename}",
    summary="An output image",
    response_class=Response,
    responses={
        **UNAUTHORIZED,
        200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}}, "description": "The image"},
        400: {"model": ErrorDetail, "description": "Not a name that images have"},
        404: {"model": ErrorDetail, "description": "No such image"},
    },
)
async def image(filename: str, request: Request, account_id: str = AccountOf, ports: Ports = PortsOf) -> Response:
    """By the name in output URLs, `{uuid}.jpg`; served through the table, never by path."""
    name = filename.lower()
    if not IMAGE_NAME.fullmatch(name):
        raise Refused(400, "Invalid filename format")
    stem, _, extension = name.rpartition(".")
    found = await _find_rendition(ports, account_id, stem)
    if found is None or extension_of(found["format"]) != extension:
        raise Refused(404, f"Image {filename} not found")
    return await blob_response(request, ports, found["digest"], MEDIA_TYPES[extension], name)


async def _find_rendition(ports: Ports, account_id: str, stem: str) -> asyncpg.Record | None:
    try:
        image_id = UUID(stem)
    except ValueError:
        return None
    async with ports.database.connection() as connection:
        return await images.find_rendition(connection, account_id, image_id)
