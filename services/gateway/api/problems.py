"""Error answers: each door's own shape (envelopes.py), RFC 9457 problem details where no other system's is kept."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from services.gateway.api.envelopes import error_at, is_albums, is_batches, is_own, problem
from services.gateway.api.methods import allowed_methods
from services.gateway.api.rate_headers import noted_headers
from services.gateway.idempotency import KeyReused, StillRunning
from shared.db import Unavailable
from shared.telemetry import log

UNAVAILABLE = "Processing service temporarily unavailable. Please try again later or contact support."
RETRY_SECONDS = "5"


class ErrorDetail(BaseModel):
    """The products door's error."""

    detail: str = Field(examples=["Request with ID 01a1fc40-a233-74a1-9e9b-61c09a16c5cf not found"])


class ErrorMessage(BaseModel):
    """The albums door's error."""

    error: str = Field(examples=["Album not found"])


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["the request has not ended"])


class RowFault(BaseModel):
    """What is wrong with one row of an upload."""

    row: int = Field(examples=[2], description="1-based number of the data row; 0: the whole file")
    column: str = Field(examples=["Input Image Urls"])
    message: str = Field(examples=["Invalid image URL format in row 2"])
    hint: str | None = None


class Malformed(BaseModel):
    """The products door's 422: a sentence, or the framework's list of fields with what is wrong with each."""

    detail: str | list[dict[str, Any]] = Field(examples=["This Idempotency-Key was used for a different request."])


class UploadRefused(ErrorDetail):
    """Why an upload is refused; `errors` for what is in the file, `problem` and `reason` for what stands beside it."""

    detail: str = Field(examples=["Invalid image URL format in row 2"])
    errors: list[RowFault] | None = None
    problem: str | None = Field(None, examples=["url_invalid"])
    reason: str | None = None


Responses = dict[int | str, dict[str, Any]]
"""Error answers of an operation, as its documentation names them."""

UNAUTHORIZED: Responses = {
    401: {"model": ErrorDetail, "description": "An API key is needed, or the one that came is wrong"},
    429: {"model": ErrorDetail, "description": "More than 1,000 requests within an hour; see Retry-After"},
}
MALFORMED: Responses = {
    422: {
        "model": Malformed,
        "description": "A field is malformed, or the Idempotency-Key was used for a different request",
    }
}
UNKNOWN: Responses = {**UNAUTHORIZED, 404: {"model": ErrorDetail, "description": "No such request"}}


def problems(descriptions: Mapping[int, str]) -> Responses:
    """Errors that are answered with problem details, by their status."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": description, "content": content} for status, description in descriptions.items()}


def conflict(description: str) -> Responses:
    """A 409 that is answered with problem details."""
    return problems({409: description})


class Refused(Exception):
    """A request that is answered with an error in its door's own shape."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.more = more


class ProblemRaised(Exception):
    """A request that is answered with problem details."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


async def answer_refused(request: Request, error: Exception) -> JSONResponse:
    """The door's own shape."""
    assert isinstance(error, Refused)
    return error_at(request.url.path, error.status, error.message, error.headers, **error.more)


async def answer_http(request: Request, error: Exception) -> JSONResponse:
    """An unknown path, a wrong method, a body that no parser takes."""
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": allowed_methods(request.app.state.routes, request.scope)}
    return error_at(request.url.path, error.status_code, str(error.detail), headers)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """A body or parameter of the wrong shape: a sentence at most doors, else the framework's list."""
    assert isinstance(error, RequestValidationError)
    is_ours = is_own(request.url.path)
    if not (is_ours or is_albums(request.url.path) or is_batches(request.url.path)):
        return await request_validation_exception_handler(request, error)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    sentence = f"{field}: {first['msg']}" if field else str(first["msg"])
    return error_at(request.url.path, 422 if is_ours else 400, sentence)


async def answer_problem(_: Request, error: Exception) -> JSONResponse:
    """Problem details."""
    assert isinstance(error, ProblemRaised)
    return problem(error.status, error.detail, error.headers)


async def answer_key_reused(request: Request, error: Exception) -> JSONResponse:
    """The Idempotency-Key stands for something else."""
    return error_at(request.url.path, 422, error.__doc__ or "")


async def answer_still_running(request: Request, error: Exception) -> JSONResponse:
    """The Idempotency-Key's first request is not answered yet."""
    return error_at(request.url.path, 409, error.__doc__ or "", {"Retry-After": RETRY_SECONDS})


async def answer_unavailable(request: Request, error: Exception) -> JSONResponse:
    """The database is away for the moment."""
    log.warning("request.unavailable", path=request.url.path, error=repr(error))
    return error_at(request.url.path, 503, UNAVAILABLE, {"Retry-After": RETRY_SECONDS})


async def answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    """Our own mistake: said without its insides."""
    log.error("request.failed", path=request.url.path, exc_info=error)
    return error_at(request.url.path, 500, "Internal server error", noted_headers(request.scope))


ANSWERS: dict[type[Exception], Any] = {
    Refused: answer_refused,
    ProblemRaised: answer_problem,
    HTTPException: answer_http,
    RequestValidationError: answer_invalid,
    KeyReused: answer_key_reused,
    StillRunning: answer_still_running,
    **dict.fromkeys(Unavailable, answer_unavailable),
    Exception: answer_unexpected,
}
