"""The albums door: a picture comes in and is kept as it is; enhanced at once, where that is asked for."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from services.gateway import uploading
from services.gateway.api.album_errors import errors, in_the_doors_words, not_found
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.api.enhancements import NOT_DECIDED
from services.gateway.api.image_views import ImageUploaded, uploaded_image
from services.gateway.api.once import IdempotencyKey, keyed, once
from services.gateway.api.problems import RETRY_SECONDS, Refused, Responses
from services.gateway.api.rate_limits import IMAGE_UPLOAD_LIMITED
from services.gateway.api.upload_forms import REFUSALS, UploadForm, form_of, named_album, read_flag, read_form
from services.gateway.deciding import Declined, Enhancement, NotDecided
from services.gateway.idempotency import Keyed
from services.gateway.ports import Ports
from services.gateway.store.enhancements import list_enhancements
from services.gateway.store.uploads import NewUpload, find_upload
from services.gateway.uploading import Picture
from shared.errors import Permanent
from shared.outcome import Connection
from shared.prices import Tier

router = APIRouter(tags=["images"], prefix="/api/images")

USUAL_TIER: Tier = "TIER_1K"


class NotPaid(BaseModel):
    """The account cannot pay for enhancing the image; nothing is kept."""

    error: str = Field(examples=["Insufficient tokens"])
    title: str = Field(examples=["Not enough tokens"])
    suggestion: str = Field(examples=["You need 2 tokens to upload and enhance this image. You have 0 tokens."])
    required: int = Field(examples=[2])
    balance: int = Field(examples=[0])


PAID: Responses = {
    402: {"model": NotPaid, "description": "`enhance=true` cannot be paid; nothing is kept"},
    **errors({503: "The tokens could not be reserved in time, or the database is away; nothing is kept"}),
}


@router.post(
    "/upload",
    summary="Upload an image",
    response_model=ImageUploaded,
    responses={**REFUSALS, **PAID},
    openapi_extra=form_of(UploadForm),
    dependencies=[IMAGE_UPLOAD_LIMITED],
)
async def upload_image(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """Kept byte for byte, whatever its size; judged by its content, not its name. Nothing is charged, except for
    `enhance=true`: then it is kept and its enhancement begins, or neither."""
    async with read_form(request) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Refused(400, "Please provide a file to upload.", problem="no_file")
        enhances = read_flag(form, "enhance")
        album = await named_album(ports, account_id, form, 400)
        picture = await _kept(ports, file)
    await ports.blobs.settle()
    album_id, tier = (album["album_id"], album["default_tier"]) if album else (None, USUAL_TIER)
    same = {"file": [picture.name, picture.digest], "albumId": str(album_id), "enhance": enhances}
    known = keyed(account_id, "image", idempotency_key, same)
    with in_the_doors_words():
        if enhances:
            return await _enhanced(ports, account_id, picture, album_id, tier, known)
        return await _recorded(ports, account_id, picture, album_id, known)


async def _kept(ports: Ports, file: UploadFile) -> Picture:
    try:
        return await uploading.keep(ports, file.file, file.filename or "", ports.settings.source_bytes_max)
    except Permanent as error:
        status = 413 if error.problem == "too_large" else 400
        raise Refused(status, error.detail, problem=error.problem) from None


async def _recorded(
    ports: Ports, account_id: str, picture: Picture, album_id: UUID | None, known: Keyed | None
) -> JSONResponse:
    async def recorded(connection: Connection) -> dict[str, Any]:
        (upload,) = await uploading.record(connection, account_id, [picture], album_id)
        return _uploaded(ports, upload, None)

    return await once(ports, known, recorded)


async def _enhanced(
    ports: Ports, account_id: str, picture: Picture, album_id: UUID | None, tier: Tier, known: Keyed | None
) -> JSONResponse:
    try:
        found = await uploading.record_enhanced(ports, account_id, picture, album_id, tier, known)
    except Declined as error:
        raise _not_paid(error) from None
    except NotDecided:
        raise Refused(503, NOT_DECIDED, {"Retry-After": RETRY_SECONDS}) from None
    async with ports.database.connection() as connection:
        row = await find_upload(connection, UUID(found.units[0].upload_id))
        if row is None:
            raise not_found("Image")
        made = await list_enhancements(connection, row["upload_id"])
    return JSONResponse(_uploaded(ports, NewUpload.of(row), _begun(found, made[-1]["tier"] if made else tier)))


def _uploaded(ports: Ports, upload: NewUpload, enhancement: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "success": True,
        "image": uploaded_image(upload, ports.settings.public_url),
        "enhancement": enhancement,
    }


def _begun(found: Enhancement, tier: Tier) -> dict[str, Any]:
    return {
        "jobId": found.units[0].image_id,
        "tier": tier,
        "tokenCost": found.cost,
        "newBalance": found.new_balance,
    }


def _not_paid(declined: Declined) -> Refused:
    balance = declined.available or 0
    suggestion = f"You need {declined.required} tokens to upload and enhance this image. You have {balance} tokens."
    return Refused(
        402,
        "Insufficient tokens",
        title="Not enough tokens",
        suggestion=suggestion,
        required=declined.required,
        balance=balance,
    )
