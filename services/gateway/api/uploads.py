"""The albums door: pictures come in, one by one or several at once, and are kept as they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import FormData, UploadFile

from services.gateway import uploading
from services.gateway.api.album_errors import KEYED, errors, in_the_doors_words
from services.gateway.api.albums import found_album
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.api.image_views import BatchUploaded, ImageUploaded, accepted_file, uploaded_image
from services.gateway.api.once import IdempotencyKey, once
from services.gateway.api.problems import ErrorMessage, Refused, Responses
from services.gateway.api.rate_limits import IMAGE_UPLOAD_LIMITED
from services.gateway.ports import Ports
from services.gateway.uploading import Picture
from shared.errors import Permanent
from shared.names import safe_name
from shared.outcome import Connection

router = APIRouter(tags=["images"], prefix="/api/images")

FORM_FIELDS_MAX = 20
FORM_FILES_MAX = 100
ERROR_TYPES = {"too_large": "FILE_TOO_LARGE"}
FLAGS = {"": False, "false": False, "true": True}


class PictureRefused(ErrorMessage):
    """Why a picture is refused, and the problem's code."""

    error: str = Field(examples=["The content is not a picture in a format that we know."])
    problem: str | None = Field(None, examples=["not_an_image"])


class UploadForm(BaseModel):
    """A picture, and the album that it is for."""

    file: str = Field(json_schema_extra={"format": "binary"})
    albumId: str | None = Field(None, description="an album of the caller's")
    enhance: bool = Field(False, description="enhance it at once, at the album's tier (TIER_1K without an album)")


class BatchForm(BaseModel):
    """Pictures, and the album that they are for."""

    files: list[str] = Field(json_schema_extra={"items": {"type": "string", "format": "binary"}})
    albumId: str | None = Field(None, description="an album of the caller's")


def form_of(model: type[BaseModel]) -> dict[str, Any]:
    """How the documentation names a form that is read by hand."""
    content = {"multipart/form-data": {"schema": model.model_json_schema()}}
    return {"requestBody": {"content": content, "required": True}}


REFUSALS: Responses = {
    **KEYED,
    **errors({409: "The Idempotency-Key's first request still runs", 422: "The Idempotency-Key stands for another"}),
    400: {"model": PictureRefused, "description": "No picture, or none that is accepted; nothing is kept"},
    413: {"model": PictureRefused, "description": "It is too large"},
}


@dataclass(frozen=True, slots=True)
class _Failed:
    """A file of a batch that is no picture of ours."""

    name: str
    problem: Permanent


@router.post(
    "/upload",
    summary="Upload an image",
    response_model=ImageUploaded,
    responses=REFUSALS,
    openapi_extra=form_of(UploadForm),
    dependencies=[IMAGE_UPLOAD_LIMITED],
)
async def upload_image(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """Kept byte for byte, whatever its size; judged by its content, not its name. Nothing is charged."""
    async with _form(request) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refused(400, "Please provide a file to upload.", problem="no_file")
        enhance = _flag(form, "enhance")
        album_id = await _album_of(ports, account_id, form, 400)
        picture = await _kept(ports, file)
    await ports.blobs.settle()

    async def recorded(connection: Connection) -> dict[str, Any]:
        (upload,) = await uploading.record(connection, account_id, [picture], album_id)
        image = uploaded_image(upload, ports.settings.public_url)
        return {"success": True, "image": image, "enhancement": None}

    same = {"file": [picture.name, picture.digest], "albumId": str(album_id), "enhance": enhance}
    with in_the_doors_words():
        return await once(ports, account_id, "image", idempotency_key, same, recorded)


async def _kept(ports: Ports, file: UploadFile) -> Picture:
    try:
        return await uploading.keep(ports, file.file, file.filename or "", ports.settings.source_bytes_max)
    except Permanent as error:
        status = 413 if error.problem == "too_large" else 400
        raise Refused(status, error.detail, problem=error.problem) from None


@router.post(
    "/batch-upload",
    summary="Upload several images",
    response_model=BatchUploaded,
    responses={**REFUSALS, **errors({404: "No such album of the caller's"})},
    openapi_extra=form_of(BatchForm),
    dependencies=[IMAGE_UPLOAD_LIMITED],
)
async def upload_batch(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """Each file is judged by itself: those that are pictures are kept, in their order. Nothing is ever charged."""
    async with _form(request) as form:
        album_id = await _album_of(ports, account_id, form, 404)
        files = _batch(form, ports)
        judged = [await _judged(ports, file) for file in files]
    await ports.blobs.settle()

    async def recorded(connection: Connection) -> dict[str, Any]:
        pictures = [each for each in judged if isinstance(each, Picture)]
        made = iter(await uploading.record(connection, account_id, pictures, album_id))
        results = [
            accepted_file(next(made), ports.settings.public_url) if isinstance(each, Picture) else _failed(each)
            for each in judged
        ]
        counts = {"total": len(judged), "successful": len(pictures), "failed": len(judged) - len(pictures)}
        return {"success": bool(pictures), "results": results, "summary": counts}

    prints = [each.digest if isinstance(each, Picture) else each.problem.problem for each in judged]
    same = {"files": [[each.name, mark] for each, mark in zip(judged, prints, strict=True)], "albumId": str(album_id)}
    with in_the_doors_words():
        return await once(ports, account_id, "images", idempotency_key, same, recorded)


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """The body as a form, whose files are let go of at the end; raises 400."""
    try:
        form = await request.form(max_files=FORM_FILES_MAX, max_fields=FORM_FIELDS_MAX)
    except UnicodeError:
        raise Refused(400, "The form is written in an unknown charset") from None
    try:
        yield form
    finally:
        await form.close()


def _batch(form: FormData, ports: Ports) -> list[UploadFile]:
    settings = ports.settings
    files = [each for each in form.getlist("files") if isinstance(each, UploadFile)]
    if not files:
        raise Refused(400, "Please provide at least one file to upload.", problem="no_file")
    if len(files) > settings.batch_files_max:
        message = f"Please upload a maximum of {settings.batch_files_max} files per batch."
        raise Refused(400, message, problem="too_many_files")
    if sum(file.size or 0 for file in files) > settings.batch_bytes_max:
        message = f"The files are larger than {settings.batch_bytes_max / 1_000_000:g} MB together"
        raise Refused(413, message, problem="too_large")
    return files


async def _judged(ports: Ports, file: UploadFile) -> Picture | _Failed:
    try:
        return await uploading.keep(ports, file.file, file.filename or "", ports.settings.batch_file_bytes_max)
    except Permanent as error:
        return _Failed(safe_name(file.filename or ""), error)


def _failed(failed: _Failed) -> dict[str, Any]:
    problem = failed.problem.problem
    return {
        "success": False,
        "filename": failed.name,
        "error": failed.problem.detail,
        "errorType": ERROR_TYPES.get(problem, problem.upper()),
    }


async def _album_of(ports: Ports, account_id: str, form: FormData, status: int) -> UUID | None:
    """The album that the form names, which must be the caller's; raises the door's status for its absence."""
    named = form.get("albumId")
    if not named:
        return None
    async with ports.database.connection() as connection:
        album = await found_album(connection, named) if isinstance(named, str) else None
    if album is None or album["account_id"] != account_id:
        raise Refused(status, "Album not found")
    album_id: UUID = album["album_id"]
    return album_id


def _flag(form: FormData, field: str) -> bool:
    said = form.get(field, "")
    if not isinstance(said, str) or said.lower() not in FLAGS:
        raise Refused(400, f"{field} must be true or false")
    return FLAGS[said.lower()]
