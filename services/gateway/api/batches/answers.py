"""How the batches door answers, `{"success", "data", "message"?, "timestamp"}`, and how its errors are documented."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from services.gateway.api.envelopes import timestamp
from services.gateway.api.ids import id_of
from services.gateway.api.problems import Refused, Responses
from services.gateway.ports import Ports
from services.gateway.store import batches


class BatchError(BaseModel):
    """The batches door's error."""

    success: bool = Field(False, examples=[False])
    error: str = Field(examples=["Batch 01a1fc40-a233-74a1-9e9b-61c09a16c5cf not found"])
    timestamp: str = Field(examples=["2026-11-21T03:57:36.691Z"])


def errors(descriptions: Mapping[int, str]) -> Responses:
    """Errors in the door's shape, by their status."""
    return {status: {"model": BatchError, "description": description} for status, description in descriptions.items()}


CALLED = errors({401: "An API key is needed", 429: "Too many calls", 503: "The database is away"})
FOUND: Responses = {**CALLED, **errors({404: "No such batch"})}


def answer(
    data: Any, message: str | None = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A success; `data` is JSON already but for times and ids."""
    said = {} if message is None else {"message": message}
    return JSONResponse({"success": True, "data": data, **said, "timestamp": timestamp()}, status, headers)


def written(moment: datetime | None) -> str | None:
    """A time as the door writes it: UTC with Z, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def not_found(batch_id: str) -> Refused:
    """The same answer for what does not exist, is malformed, or is another account's."""
    return Refused(404, f"Batch {batch_id[:100]} not found")


def parsed_id(batch_id: str) -> UUID:
    """A batch's id; raises 404."""
    found = id_of(batch_id)
    if found is None:
        raise not_found(batch_id)
    return found


async def found_batch(ports: Ports, account_id: str, batch_id: str) -> asyncpg.Record:
    """A batch of the account, by a row of batch_overviews; raises 404."""
    async with ports.database.connection() as connection:
        batch = await batches.find_batch(connection, account_id, parsed_id(batch_id))
    if batch is None:
        raise not_found(batch_id)
    return batch


async def json_body(request: Request, *, needed: bool = False) -> dict[str, Any]:
    """The body as a JSON object, whatever its media type; none is {} where nothing in it is required. Raises 400."""
    content = await request.body()
    if not content.strip():
        if needed:
            raise Refused(400, "Request body is required")
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body must be a JSON object")
    return found
