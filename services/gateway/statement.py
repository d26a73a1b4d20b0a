"""The statement: what the ledger says of an account becomes the lines that its owner reads, each line once.

A line's amount is what it changed of the tokens that are available, so that the lines of an account add up to its
balance. A hold is spent at once; what images did not use comes back line by line. Captures change nothing available.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.gateway.live import account_topic
from services.gateway.store import jobs, transactions
from services.gateway.store.transactions import Line, TransactionType
from shared.db import Row
from shared.events import Event, GrantReason, TokensGranted, TokensHeld, TokensVoided
from shared.outcome import Connection

EARNED: dict[GrantReason, tuple[TransactionType, str]] = {
    "opening": ("EARN_BONUS", "opening"),
    "bonus": ("EARN_BONUS", "grant"),
    "purchase": ("EARN_PURCHASE", "grant"),
    "regeneration": ("EARN_REGENERATION", "regeneration"),
}
"""A grant's type and source, by its reason."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger did that a statement shows."""

    event: TokensGranted | TokensHeld | TokensVoided


async def record_statement(connection: Connection, booked: Sequence[Booked]) -> Sequence[Event]:
    """Write the lines of what was booked, and wake those who wait for news of the accounts or jobs."""
    events = [each.event for each in booked]
    about = sorted({event.job_id for event in events if not isinstance(event, TokensGranted)})
    known = {row["job_id"]: row for row in await transactions.list_jobs_of_lines(connection, about)} if about else {}
    lines = [line for event in events for line in lines_of(event, known)]
    if lines:
        await transactions.insert_lines(connection, lines)
    await jobs.notify(connection, [*{account_topic(event.account_id) for event in events}, *about])
    return ()


def lines_of(event: TokensGranted | TokensHeld | TokensVoided, known: Mapping[UUID, Row]) -> Iterator[Line]:
    """The lines of an event; `known`: the jobs that the gateway knows."""
    if not event.amount:
        return
    match event:
        case TokensGranted():
            yield _granted(event)
        case TokensHeld():
            yield _held(event, known.get(event.job_id))
        case TokensVoided():
            yield from _voided(event, known.get(event.job_id))


def _granted(event: TokensGranted) -> Line:
    kind, source = EARNED[event.reason]
    source_id = str(event.grant_id) if source == "grant" and event.grant_id else event.account_id
    return _line(event, kind, event.amount, source, source_id, {"note": event.note} if event.note else {})


def _held(event: TokensHeld, job: Row | None) -> Line:
    if job is None:
        return _line(event, "SPEND_ENHANCEMENT", -event.amount, "job", str(event.job_id), {})
    facts = {
        "tier": job["tier"],
        "albumId": str(job["album_id"]) if job["album_id"] else None,
        "imageCount": event.amount // job["price_tokens"] if job["price_tokens"] else None,
    }
    source_id = job["reference"] or str(job["job_id"])
    metadata = {name: value for name, value in facts.items() if value is not None}
    return _line(event, "SPEND_ENHANCEMENT", -event.amount, job["source"] or job["kind"], source_id, metadata)


def _voided(event: TokensVoided, job: Row | None) -> Iterator[Line]:
    """A line per image of an album; one for all images of anything larger."""
    if job is None or job["kind"] != "album" or not event.image_ids:
        source = f"{job['kind'] if job else 'job'}_{event.result}"
        metadata = {"images": event.images, "reason": event.result}
        yield _line(event, "REFUND", event.amount, source, str(event.job_id), metadata)
        return
    price, metadata = event.amount // len(event.image_ids), {"reason": event.result}
    for place, image_id in enumerate(event.image_ids, start=1):
        yet_to_come = price * (len(event.image_ids) - place)
        source = f"enhancement_{event.result}"
        yield _line(event, "REFUND", price, source, str(image_id), metadata, place - 1, yet_to_come)


def _line(
    event: TokensGranted | TokensHeld | TokensVoided,
    kind: TransactionType,
    amount: int,
    source: str,
    source_id: str,
    metadata: dict[str, Any],
    place: int = 0,
    yet_to_come: int = 0,
) -> Line:
    return Line(
        account_id=event.account_id,
        version=event.account_version,
        line=place,
        type=kind,
        amount=amount,
        balance_after=event.balance - event.held - yet_to_come,
        source=source,
        source_id=source_id,
        created_at=event.changed_at,
        metadata=metadata,
    )
