"""The albums door: several pictures at once, each judged by itself."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData, UploadFile

from services.gateway import uploading
from services.gateway.api.album_errors import errors, in_the_doors_words
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.api.image_views import BatchUploaded, accepted_file
from services.gateway.api.once import IdempotencyKey, keyed, once
from services.gateway.api.problems import Refused
from services.gateway.api.rate_limits import IMAGE_UPLOAD_LIMITED
from services.gateway.api.upload_forms import REFUSALS, BatchForm, form_of, named_album, read_form
from services.gateway.ports import Ports
from services.gateway.settings import Settings
from services.gateway.store.uploads import NewUpload
from services.gateway.uploading import Picture
from shared.errors import Permanent
from shared.names import safe_name
from shared.outcome import Connection

router = APIRouter(tags=["images"], prefix="/api/images")

ERROR_TYPES = {"too_large": "FILE_TOO_LARGE"}


@dataclass(frozen=True, slots=True)
class _Failed:
    """A file that is no picture of ours."""

    name: str
    problem: Permanent

    @property
    def mark(self) -> str:
        return self.problem.problem


_Judged = Picture | _Failed


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
    async with read_form(request) as form:
        album = await named_album(ports, account_id, form, 404)
        judged = [await _judge(ports, file) for file in _files(form, ports.settings)]
    await ports.blobs.settle()
    album_id = album["album_id"] if album else None

    async def recorded(connection: Connection) -> dict[str, Any]:
        pictures = [each for each in judged if isinstance(each, Picture)]
        made = await uploading.record(connection, account_id, pictures, album_id)
        return _told(judged, made, ports.settings.public_url)

    marks = [[each.name, each.digest if isinstance(each, Picture) else each.mark] for each in judged]
    known = keyed(account_id, "images", idempotency_key, {"files": marks, "albumId": str(album_id)})
    with in_the_doors_words():
        return await once(ports, known, recorded)


def _files(form: FormData, settings: Settings) -> list[UploadFile]:
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


async def _judge(ports: Ports, file: UploadFile) -> _Judged:
    try:
        return await uploading.keep(ports, file.file, file.filename or "", ports.settings.batch_file_bytes_max)
    except Permanent as error:
        return _Failed(safe_name(file.filename or ""), error)


def _told(judged: list[_Judged], made: list[NewUpload], public_url: str) -> dict[str, Any]:
    following = iter(made)
    results = [
        accepted_file(next(following), public_url) if isinstance(each, Picture) else _refused(each) for each in judged
    ]
    counts = {"total": len(judged), "successful": len(made), "failed": len(judged) - len(made)}
    return {"success": bool(made), "results": results, "summary": counts}


def _refused(failed: _Failed) -> dict[str, Any]:
    return {
        "success": False,
        "filename": failed.name,
        "error": failed.problem.detail,
        "errorType": ERROR_TYPES.get(failed.mark, failed.mark.upper()),
    }
