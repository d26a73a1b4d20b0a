"""The products door: a CSV of products with image URLs goes in, compressed images and a result file come out."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, BinaryIO, Literal

import asyncpg
from fastapi import APIRouter, Form, Header, UploadFile
from fastapi.responses import JSONResponse

from services.gateway import control, idempotency
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.jobs import find_product_job
from services.gateway.api.problems import (
    MALFORMED,
    UNAUTHORIZED,
    UNKNOWN,
    ErrorDetail,
    ProblemRaised,
    Refused,
    UploadRefused,
    conflict,
)
from services.gateway.api.product_views import Accepted
from services.gateway.api.webhook_fields import checked_secret, checked_webhook
from services.gateway.idempotency import KEY_CHARACTERS_MAX, Answered, Claim
from services.gateway.intake import Submission, submit
from services.gateway.ports import Ports
from services.gateway.product_csv import CsvLimits, InvalidCsv, read_product_csv
from shared.facts import Recipe
from shared.names import safe_name
from shared.outcome import Connection

router = APIRouter(tags=["products"])

ENDPOINTS = [
    "POST /api/upload",
    "GET /api/status/{request_id}",
    "GET /api/status/{request_id}/events",
    "GET /api/details/{request_id}",
    "GET /api/download/{request_id}",
    "GET /api/image/{filename}",
    "POST /api/retry/{request_id}",
    "GET /api/webhooks/{request_id}",
    "POST /api/webhooks/{request_id}/resend",
]
CHUNK_BYTES = 1 << 18
UPLOADED = "CSV file uploaded successfully and processing has started"
IdempotencyKey = Annotated[str | None, Header(max_length=KEY_CHARACTERS_MAX)]


@router.get(
    "/",
    summary="What this is",
    responses={
        200: {
            "content": {
                "application/json": {
                    "example": {"message": "Image Processing API", "docs": "/docs", "endpoints": ENDPOINTS[:2]}
                }
            }
        }
    },
)
async def welcome() -> dict[str, Any]:
    """The door's greeting."""
    return {"message": "Image Processing API", "docs": "/docs", "endpoints": ENDPOINTS}


@router.post(
    "/api/upload",
    summary="Upload a product CSV",
    response_model=Accepted,
    responses={
        **UNAUTHORIZED,
        400: {"model": UploadRefused, "description": "The file or the webhook URL is refused; nothing is stored"},
        409: {"model": ErrorDetail, "description": "A request with this Idempotency-Key is still running"},
        413: {"model": ErrorDetail, "description": "The file is too large"},
        **MALFORMED,
        503: {"model": ErrorDetail, "description": "The database is away"},
    },
)
async def upload(
    file: UploadFile,
    webhook_url: Annotated[str | None, Form(description="called when the request has ended")] = None,
    webhook_secret: Annotated[str | None, Form(description="`whsec_...`; the account's by default")] = None,
    quality: Annotated[int, Form(ge=1, le=100)] = 50,
    format: Annotated[Literal["jpeg", "png", "webp"], Form()] = "jpeg",
    max_side: Annotated[int | None, Form(ge=1, le=20_000, description="longest side in pixels")] = None,
    operation: Annotated[Literal["compress", "copy"], Form()] = "compress",
    idempotency_key: IdempotencyKey = None,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Accept the whole file or refuse it, naming every bad row (up to 100). Columns: `S. No.`, `Product Name`,
    `Input Image Urls`; several URLs in one quoted field or in fields of their own."""
    if not (file.filename or "").lower().endswith(".csv"):
        raise Refused(400, "Only CSV files are accepted")
    params = {"quality": quality, "format": format, "max_side": max_side} if operation == "compress" else {}
    submission = Submission(
        account_id=account_id,
        kind="products",
        recipe=Recipe(operation=operation, params=params),
        file_name=safe_name(file.filename or "products.csv"),
        webhook_url=checked_webhook(webhook_url or ports.settings.webhook_url, ports),
        webhook_secret=checked_secret(webhook_secret),
        images=partial(read_product_csv, _pieces(file.file), limits=CsvLimits(rows_max=ports.settings.csv_rows_max)),
    )
    fields = {**params, "operation": operation, "webhook_url": webhook_url, "webhook_secret": webhook_secret}
    claim = await _claim(ports, account_id, idempotency_key, fields, file.file)
    if isinstance(claim, Answered):
        return JSONResponse(claim.body, claim.status)
    return JSONResponse(await _accept(ports, submission, claim))


async def _accept(ports: Ports, submission: Submission, claim: Claim | None) -> dict[str, Any]:
    async def keep_answer(connection: Connection, job: asyncpg.Record) -> None:
        if claim:
            await claim.answer(connection, 200, _accepted(job, UPLOADED))

    try:
        return _accepted(await submit(ports, submission, keep_answer), UPLOADED)
    except BaseException as error:
        if claim:
            await claim.release(ports.database)
        if isinstance(error, InvalidCsv):
            raise Refused(400, error.detail, errors=error.errors) from None
        raise


async def _claim(
    ports: Ports, account_id: str, key: str | None, fields: dict[str, Any], file: BinaryIO
) -> Claim | Answered | None:
    if key is None:
        return None
    print_of_request = idempotency.fingerprint({name: str(value) for name, value in fields.items()}, file)
    return await idempotency.claim(ports.database, account_id, "upload", key, print_of_request)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(CHUNK_BYTES):
        yield piece


def _accepted(job: asyncpg.Record, message: str) -> dict[str, Any]:
    return {
        "request_id": str(job["job_id"]),
        "message": message,
        "status": "pending",
        "webhook_url": job["webhook_url"],
    }


@router.post(
    "/api/retry/{request_id}",
    summary="Run the failed images again",
    response_model=Accepted,
    responses={**UNKNOWN, **MALFORMED, **conflict("Nothing failed, or it still runs")},
)
async def retry(
    request_id: str,
    idempotency_key: IdempotencyKey = None,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Only the failed images run again; the others keep their results. Webhook and downloads follow as before."""
    job = await find_product_job(ports, account_id, request_id)
    claim: Claim | Answered | None = None
    if idempotency_key is not None:
        same = idempotency.fingerprint({"request_id": request_id})
        claim = await idempotency.claim(ports.database, account_id, "retry", idempotency_key, same)
    if isinstance(claim, Answered):
        return JSONResponse(claim.body, claim.status)

    async def keep_answer(connection: Connection, job: asyncpg.Record) -> None:
        if claim:
            await claim.answer(connection, 200, _retried(job))

    try:
        return JSONResponse(_retried(await control.retry_failed(ports, account_id, job["job_id"], keep_answer)))
    except control.NotNow as error:
        if claim:
            await claim.release(ports.database)
        raise ProblemRaised(409, str(error)) from None


def _retried(job: asyncpg.Record) -> dict[str, Any]:
    left = job["images_total"] - job["images_succeeded"] - job["images_cancelled"]
    return _accepted(job, f"Processing of {left} failed images has started again")
