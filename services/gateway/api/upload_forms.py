"""Forms with pictures, read by hand: whatever is wrong with one is a 400 in the albums door's words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.datastructures import FormData

from services.gateway.api.album_errors import KEYED, errors
from services.gateway.api.albums import found_album
from services.gateway.api.problems import ErrorMessage, Refused, Responses
from services.gateway.ports import Ports

FIELDS_MAX = 20
FILES_MAX = 100
FLAGS = {"": False, "false": False, "true": True}


class UploadForm(BaseModel):
    """A picture, and the album that it is for."""

    file: str = Field(json_schema_extra={"format": "binary"})
    albumId: str | None = Field(None, description="an album of the caller's")
    enhance: bool = Field(False, description="enhance it at once, at the album's tier (TIER_1K without an album)")


class BatchForm(BaseModel):
    """Pictures, and the album that they are for."""

    files: list[str] = Field(json_schema_extra={"items": {"type": "string", "format": "binary"}})
    albumId: str | None = Field(None, description="an album of the caller's")


class PictureRefused(ErrorMessage):
    """Why a picture is refused, and the problem's code."""

    error: str = Field(examples=["The content is not a picture in a format that we know."])
    problem: str | None = Field(None, examples=["not_an_image"])


REFUSALS: Responses = {
    **KEYED,
    **errors({409: "The Idempotency-Key's first request still runs", 422: "The Idempotency-Key stands for another"}),
    400: {"model": PictureRefused, "description": "No picture, or none that is accepted; nothing is kept"},
    413: {"model": PictureRefused, "description": "It is too large"},
}


def form_of(model: type[BaseModel]) -> dict[str, Any]:
    """How the documentation names a form."""
    content = {"multipart/form-data": {"schema": model.model_json_schema()}}
    return {"requestBody": {"content": content, "required": True}}


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormData]:
    """The body as a form, whose files are let go of at the end; raises 400."""
    try:
        form = await request.form(max_files=FILES_MAX, max_fields=FIELDS_MAX)
    except UnicodeError:
        raise Refused(400, "The form is written in an unknown charset") from None
    try:
        yield form
    finally:
        await form.close()


async def named_album(ports: Ports, account_id: str, form: FormData, status: int) -> asyncpg.Record | None:
    """The album that the form names, which must be the caller's; raises the door's status for its absence."""
    named = form.get("albumId")
    if not named:
        return None
    async with ports.database.connection() as connection:
        album = await found_album(connection, named) if isinstance(named, str) else None
    if album is None or album["account_id"] != account_id:
        raise Refused(status, "Album not found")
    return album


def read_flag(form: FormData, field: str) -> bool:
    """A field that says true or false; false where it says nothing. Raises 400."""
    said = form.get(field, "")
    if not isinstance(said, str) or said.lower() not in FLAGS:
        raise Refused(400, f"{field} must be true or false")
    return FLAGS[said.lower()]
