"""The envelope around every event: CloudEvents 1.0, structured JSON (https://cloudevents.io)."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Generic, Literal, TypeVar
from uuid import UUID

import uuid_utils
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.events import EVENTS, Event

CONTENT_TYPE = "application/cloudevents+json"

E = TypeVar("E", bound=Event)


class Envelope(BaseModel, Generic[E]):
    """What stands on the wire: the event under `data`, who said it and when beside it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: UUID
    source: str
    type: str
    time: datetime
    subject: str | None = None
    traceparent: str | None = None
    data: E


@dataclass(frozen=True, slots=True)
class Enclosed:
    """An event in its envelope, ready to be stored and sent. `subject` is the job or account it is about."""

    event_id: UUID
    type: str
    subject: str
    traceparent: str
    body: bytes


class Unreadable(ValueError):
    """A message is no event that we know."""


def new_id() -> UUID:
    """A UUIDv7: ordered by time, so that rows written together lie together."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def new_traceparent() -> str:
    """The start of a W3C trace (https://www.w3.org/TR/trace-context)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child_traceparent(parent: str) -> str:
    """The same trace, one step on."""
    return f"{parent[:36]}{secrets.token_hex(8)}-01"


def subject_of(event: Event) -> str:
    """What an event is about: its job, else its account, else the audit, else what was asked for."""
    names = ("job_id", "account_id", "audit_id", "export_id", "instance_id")
    return next((str(about) for name in names if (about := getattr(event, name, None))), "")


def enclose(event: Event, *, source: str, traceparent: str) -> Enclosed:
    """Put an event into its envelope under a fresh id."""
    event_id = new_id()
    head = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": f"/darkroom/{source}",
        "type": event.type,
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "subject": subject_of(event),
        "datacontenttype": "application/json",
        "traceparent": traceparent,
    }
    body = f'{json.dumps(head)[:-1]}, "data": {event.model_dump_json(exclude_none=True)}}}'
    return Enclosed(event_id, event.type, head["subject"], traceparent, body.encode())


@cache
def _reader(event: type[Event]) -> type[Envelope[Event]]:
    return Envelope[event]  # type: ignore[valid-type]


def read(body: bytes, event_type: str) -> Envelope[Event]:
    """The envelope in `body`, which must hold an event of `event_type`; raises Unreadable."""
    event = EVENTS.get(event_type)
    if event is None:
        raise Unreadable(f"unknown event type {event_type}")
    try:
        envelope = _reader(event).model_validate_json(body)
    except ValidationError as error:
        raise Unreadable(_reason(error)) from None
    if envelope.type != event_type:
        raise Unreadable(f"{envelope.type} in a queue for {event_type}")
    return envelope


def _reason(error: ValidationError) -> str:
    faults: Sequence[object] = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)[:3]
    ]
    return "; ".join(map(str, faults))
