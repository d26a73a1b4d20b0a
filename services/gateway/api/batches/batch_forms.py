"""The form that a batch is made from, read by hand: whatever is wrong with it is a 400 in the door's words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from fastapi import UploadFile
from pydantic import BaseModel, Field
from starlette.datastructures import FormData, UploadFile as Uploaded

from services.gateway.api.problems import Refused
from services.gateway.api.webhook_fields import checked_secret, checked_webhook
from services.gateway.batches.creating import Order
from services.gateway.ports import Ports
from shared.facts import Recipe
from shared.names import safe_name

NAME_CHARACTERS_MAX = 255
DESCRIPTION_CHARACTERS_MAX = 4_000
CHUNK_SIZE_MAX = 100_000
OPERATIONS: tuple[Literal["analyze"], Literal["copy"]] = ("analyze", "copy")
PROVIDERS = ("auto", "local", "google_vision", "gemini")
FIELDS = (
    "batch_name", "description", "auto_start", "operation", "provider", "chunk_size", "webhook_url", "webhook_secret",
)  # fmt: skip


class BatchForm(BaseModel):
    """A CSV of URLs, and what is done with them."""

    file: str = Field(
        description="a CSV with a column `url`, `URL`, `image_url` or `link`; its other columns are carried along",
        json_schema_extra={"format": "binary"},
    )
    batch_name: str | None = Field(None, max_length=NAME_CHARACTERS_MAX, description="`Batch_YYYYMMDD_HHMMSS` (UTC)")
    auto_start: str = Field("true", description="`true` in any case starts it at once, any other text does not")
    description: str | None = Field(None, max_length=DESCRIPTION_CHARACTERS_MAX)
    operation: Literal["analyze", "copy"] = Field("analyze", description="`copy` fetches the images and no more")
    provider: Literal["auto", "local", "google_vision", "gemini"] = "auto"
    chunk_size: int | None = Field(None, ge=1, le=CHUNK_SIZE_MAX)
    webhook_url: str | None = Field(None, description="called when the batch has ended")
    webhook_secret: str | None = Field(None, description="`whsec_...`; the account's by default")


def csv_of(form: FormData, *, missing: str = "No file uploaded") -> Uploaded:
    """The form's file; raises 400 where there is none, or one without a name."""
    found = form.get("file")
    if found is None:
        raise Refused(400, missing)
    if not isinstance(found, UploadFile | Uploaded) or not found.filename:
        raise Refused(400, "No file selected")
    return found


def order_of(form: FormData, file: Uploaded, account_id: str, ports: Ports) -> Order:
    """What the form asks for; raises 400."""
    fields = {name: _text(form, name) for name in FIELDS}
    operation = _choice(fields, "operation", OPERATIONS)
    provider = _choice(fields, "provider", PROVIDERS)
    named = _limited(fields, "batch_name", NAME_CHARACTERS_MAX)
    return Order(
        account_id=account_id,
        name=named or datetime.now(UTC).strftime("Batch_%Y%m%d_%H%M%S"),
        description=_limited(fields, "description", DESCRIPTION_CHARACTERS_MAX) or None,
        recipe=Recipe(operation="copy" if operation == "copy" else "analyze", provider=provider),
        chunk_size=_chunk_size(fields["chunk_size"], ports.settings.chunk_size),
        starts=(form.get("auto_start") is None or fields["auto_start"].lower() == "true"),
        webhook_url=checked_webhook(fields["webhook_url"] or ports.settings.webhook_url, ports),
        webhook_secret=checked_secret(fields["webhook_secret"]),
        file_name=safe_name(file.filename or "urls.csv"),
        file=file.file,
    )


def _text(form: FormData, name: str) -> str:
    """A field that is text which can be stored; empty where it is missing."""
    found = form.get(name, "")
    if not isinstance(found, str):
        raise Refused(400, f"{name} must be text")
    if "\0" in found or not found.isascii() and any("\ud800" <= character <= "\udfff" for character in found):
        raise Refused(400, f"{name} holds characters that are no text")
    return found


def _limited(fields: dict[str, str], name: str, characters_max: int) -> str:
    text = fields[name].strip()
    if len(text) > characters_max:
        raise Refused(400, f"{name} has more than {characters_max:,} characters")
    return text


def _choice(fields: dict[str, str], name: str, choices: Sequence[str]) -> str:
    """One of these, the first where nothing is said."""
    chosen = fields[name] or choices[0]
    if chosen not in choices:
        raise Refused(400, f"{name} must be one of: {', '.join(choices)}")
    return chosen


def _chunk_size(text: str, usual: int) -> int:
    if not text:
        return usual
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(CHUNK_SIZE_MAX))
    if not is_number or not 1 <= int(text) <= CHUNK_SIZE_MAX:
        raise Refused(400, f"chunk_size must be a number from 1 to {CHUNK_SIZE_MAX:,}")
    return int(text)
