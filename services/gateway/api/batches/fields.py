"""What the batches door reads from JSON bodies and queries, and how it refuses what it cannot do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from services.gateway.api.problems import Refused, Responses
from services.gateway.batches.control import NoSuchBatch, NotNow, TooManyActive

NAME_CHARACTERS_MAX = 255


@contextmanager
def refusals() -> Iterator[None]:
    """Answer what cannot be done now by 400, and what is not there by 404."""
    try:
        yield
    except NoSuchBatch as error:
        raise Refused(404, str(error)) from None
    except (NotNow, TooManyActive) as error:
        raise Refused(400, str(error)) from None


def flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    """A field that is true or false; raises 400."""
    found = body.get(name, default)
    if not isinstance(found, bool):
        raise Refused(400, f"{name} must be true or false")
    return found


def query_flag(text: str | None, name: str) -> bool:
    """A parameter that is true or false, in either case; false by default. Raises 400."""
    found = (text or "false").lower()
    if found not in ("true", "false", "1", "0"):
        raise Refused(400, f"{name} must be true or false")
    return found in ("true", "1")


def whole(body: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """A field that is a whole number from 0 to `most`; raises 400."""
    found = body.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
        raise Refused(400, f"{name} must be a whole number from 0 to {most}")
    return found


def new_name(body: Mapping[str, Any]) -> str:
    """What people are to call a new batch; raises 400."""
    found = body.get("new_name")
    if found is None or found == "":
        raise Refused(400, "new_name parameter is required")
    if not isinstance(found, str):
        raise Refused(400, "new_name must be a string")
    name = found.strip()
    if not name or len(name) > NAME_CHARACTERS_MAX:
        raise Refused(400, f"new_name must have 1 to {NAME_CHARACTERS_MAX} characters")
    if "\0" in name or not _is_sound(name):
        raise Refused(400, "new_name has characters that are no text")
    return name


def texts(body: Mapping[str, Any], name: str, most: int) -> list[str]:
    """A field that is a list of 1 to `most` strings, each taken once, in order; raises 400."""
    if name not in body:
        raise Refused(400, f"{name} array is required")
    found = body[name]
    if not isinstance(found, list) or not found:
        raise Refused(400, f"{name} must be a non-empty array")
    if not all(isinstance(each, str) for each in found):
        raise Refused(400, f"{name} must be an array of strings")
    if len(found) > most:
        raise Refused(400, f"{name} may have at most {most} entries")
    return list(dict.fromkeys(found))


def _is_sound(text: str) -> bool:
    """Whether a text can be written at all: JSON also carries halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shows(data: object, message: str | None = None) -> Responses:
    """An example of a success, for the documentation."""
    said = {} if message is None else {"message": message}
    example = {"success": True, "data": data, **said, "timestamp": "2026-11-21T03:57:36.691Z"}
    return {200: {"content": {"application/json": {"example": example}}}}


def takes(properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """A JSON body's fields by their schemas, for the documentation."""
    schema = {"type": "object", "properties": dict(properties), "required": list(required)}
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": bool(required)}}
