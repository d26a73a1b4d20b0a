"""JSON bodies of the admin API: read only when the caller may call, and never more than a few kilobytes."""

from typing import Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from services.gateway.api.callers import AdminOf
from services.gateway.api.problems import ProblemRaised
from services.gateway.keys import Caller

BODY_BYTES_MAX = 65_536

Model = TypeVar("Model", bound=BaseModel)


def body_of(model: type[BaseModel]) -> Any:
    """A dependency that reads a body of this shape; raises 401, 403, then 413, 422. No body counts as {}."""

    async def read(request: Request, _: Caller = AdminOf) -> BaseModel:
        return parsed(model, await _read(request) or b"{}")

    return Depends(read)


def described(model: type[BaseModel]) -> dict[str, Any]:
    """How the operation's documentation names such a body."""
    return {
        "requestBody": {
            "content": {"application/json": {"schema": written_out(model.model_json_schema())}},
            "required": True,
        }
    }


def written_out(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose parts stand where they are referred to: references into it lead nowhere from inside a document."""
    parts = schema.pop("$defs", {})

    def replaced(part: Any) -> Any:
        if isinstance(part, list):
            return [replaced(each) for each in part]
        if not isinstance(part, dict):
            return part
        named = parts[part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
        return {name: replaced(value) for name, value in {**named, **part}.items() if name != "$ref"}

    return {name: replaced(value) for name, value in schema.items()}


def parsed(model: type[Model], content: bytes) -> Model:
    """A body's content; raises 422 with one sentence about its first fault."""
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise ProblemRaised(422, f"{field}: {first['msg']}" if field else first["msg"]) from None


async def _read(request: Request) -> bytes:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > BODY_BYTES_MAX:
            raise ProblemRaised(413, f"The body is larger than {BODY_BYTES_MAX // 1024} KiB")
    return bytes(content)
