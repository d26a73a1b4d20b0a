"""JSON bodies of the albums door, read by hand: whatever is wrong with one is a 400 in the door's words."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, get_args
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from services.gateway.api.ids import id_of
from services.gateway.api.problems import Refused
from shared.prices import Tier

NAME_CHARACTERS_MAX = 100
DESCRIPTION_CHARACTERS_MAX = 2_000
PIPELINE_CHARACTERS_MAX = 100
IMAGE_IDS_MAX = 1_000

PRIVACIES = ("PRIVATE", "UNLISTED", "PUBLIC")
TIERS = get_args(Tier)

Reader = Callable[[Any], Any]


class NewAlbum(BaseModel):
    """An album to be made."""

    name: str = Field(max_length=NAME_CHARACTERS_MAX, examples=["Holidays"])
    description: str | None = Field(None, max_length=DESCRIPTION_CHARACTERS_MAX)
    privacy: str = Field("PRIVATE", json_schema_extra={"enum": list(PRIVACIES)})
    defaultTier: str = Field("TIER_1K", json_schema_extra={"enum": list(TIERS)})


class AlbumChanges(BaseModel):
    """What of an album shall change; what is not named stays."""

    name: str | None = Field(None, max_length=NAME_CHARACTERS_MAX, examples=["Holidays"])
    description: str | None = Field(None, max_length=DESCRIPTION_CHARACTERS_MAX)
    privacy: str | None = Field(None, json_schema_extra={"enum": list(PRIVACIES)})
    coverImageId: str | None = Field(None, description="an image of the album, or null")
    pipelineId: str | None = Field(None, max_length=PIPELINE_CHARACTERS_MAX, description="kept, and nothing else")
    defaultTier: str | None = Field(None, json_schema_extra={"enum": list(TIERS)})


class ImageIds(BaseModel):
    """Images, each named once."""

    imageIds: list[str] = Field(
        min_length=1, max_length=IMAGE_IDS_MAX, examples=[["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"]]
    )


class ImageOrder(BaseModel):
    """Images of an album in the order in which they come first; the others follow as they were."""

    imageOrder: list[str] = Field(examples=[["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"]])


async def read_object(request: Request) -> dict[str, Any]:
    """The body, a JSON object; none counts as {}. Raises 400."""
    content = await request.body()
    try:
        found = json.loads(content.decode(), parse_constant=_not_json) if content else {}
    except (ValueError, RecursionError):
        raise Refused(400, "Invalid JSON body") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body must be a JSON object")
    return found


def album_fields(body: Mapping[str, Any], tier_message: str) -> dict[str, Any]:
    """What the body says of an album, by the names of its table. Raises 400; `tier_message` for an unknown tier."""
    readers: dict[str, tuple[str, Reader]] = {
        "name": ("name", _name),
        "description": ("description", _description),
        "privacy": ("privacy", _one_of(PRIVACIES, "Invalid privacy setting")),
        "defaultTier": ("default_tier", _one_of(TIERS, tier_message)),
        "coverImageId": ("cover_id", _cover),
        "pipelineId": ("pipeline_id", _pipeline),
    }
    return {column: read(body[field]) for field, (column, read) in readers.items() if field in body}


def new_album(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the body says of a new album, with what is usual where it says nothing. Raises 400."""
    said = {"name": None} | {field: body[field] for field in NewAlbum.model_fields if field in body}
    return {"description": None, "privacy": "PRIVATE", "default_tier": "TIER_1K"} | album_fields(
        said, "Invalid default tier"
    )


def texts_of(body: Mapping[str, Any], field: str, message: str, most: int, least: int = 0) -> list[str]:
    """A list of strings; raises 400 with the message for anything else, and for too many."""
    found = body.get(field)
    if not isinstance(found, list) or len(found) < least or not all(isinstance(each, str) for each in found):
        raise Refused(400, message)
    if len(found) > most:
        raise Refused(400, f"Maximum {most} images allowed per request")
    return found


def ids_of(texts: list[str], message: str) -> list[UUID]:
    """Strings as ids, each once; raises 400 with the message where one is none, or comes again."""
    found = [known for known in map(id_of, texts) if known is not None]
    if len(set(found)) < len(texts):
        raise Refused(400, message)
    return found


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _text(value: Any, what: str, characters_max: int) -> str:
    if not isinstance(value, str):
        raise Refused(400, f"{what} must be text")
    text = value.strip()
    if len(text) > characters_max:
        raise Refused(400, f"{what} must be {characters_max} characters or less")
    if "\0" in text or not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(400, f"{what} contains characters that cannot be kept")
    return text


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Refused(400, "Album name is required")
    return _text(value, "Album name", NAME_CHARACTERS_MAX)


def _description(value: Any) -> str | None:
    return None if value is None else _text(value, "Album description", DESCRIPTION_CHARACTERS_MAX) or None


def _pipeline(value: Any) -> str | None:
    return None if value is None else _text(value, "Pipeline", PIPELINE_CHARACTERS_MAX) or None


def _cover(value: Any) -> UUID | None:
    cover_id = id_of(value)
    if value is not None and cover_id is None:
        raise Refused(400, "Cover image must be in the album")
    return cover_id


def _one_of(known: tuple[str, ...], message: str) -> Reader:
    def read(value: Any) -> str:
        if value not in known:
            raise Refused(400, message)
        return str(value)

    return read
