"""Intake: an uploaded file of images becomes a job, all of it or nothing, in flat memory.

The file is on disk already (the multipart parser spools it), so that no database connection waits for a slow caller.
A thread parses it and writes COPY's text format; one transaction holds the images, the job and the event.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from uuid_utils import uuid7

from services.gateway import secrets
from services.gateway.ports import Ports
from services.gateway.store import images, jobs
from services.gateway.store.jobs import NewJob
from shared import outbox
from shared.envelope import new_id, new_traceparent
from shared.events import JobSubmitted
from shared.facts import JobKind, Recipe
from shared.outbox import Posted
from shared.outcome import Connection
from shared.prices import Tier

COPY_ROWS = 2_000
REFERENCES_TRIED_MAX = 10_000
NULL = r"\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


NewImage = tuple[int, object, str, int, int, str] | tuple[int, object, str, int, int, str, Sequence[str]]
"""One image: item (from 1), the item's key, its name, position in the item (from 0), the item's size, URL; what else
its row carries, where a door keeps that."""


@dataclass(frozen=True, slots=True)
class Door:
    """What else a door remembers of its job.

    upload_ids: of its images in their order, where these are uploads. reference_start: the id that the door gives it,
    before the milliseconds. in_flight_max: so many images at a time. facts: what the door's answers say of it.
    """

    tier: Tier | None = None
    album_id: UUID | None = None
    upload_ids: Sequence[UUID] = ()
    reference_start: str | None = None
    in_flight_max: int | None = None
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """What a door takes in: who, what to do, and how to read the images, in order.

    name: what people call the job. columns: names of what images carry, known once they were read. starts: at once,
    or when its owner says so. has_no_repeats: each image has a source of its own, so that nobody need look.
    """

    account_id: str
    kind: JobKind
    recipe: Recipe
    file_name: str
    webhook_url: str | None
    webhook_secret: str | None
    images: Callable[[], Iterator[NewImage]]
    door: Door = field(default_factory=Door)
    name: str = ""
    columns: Callable[[], Sequence[str]] = tuple
    starts: bool = True
    has_no_repeats: bool = False


@dataclass(slots=True)
class _Tally:
    images: int = 0
    items: int = 0


async def submit(ports: Ports, submission: Submission, also: "Also | None" = None) -> asyncpg.Record:
    """Accept a job; returns its row. Raises what reading the images raises, and then nothing is left behind.

    also: work for the same transaction, e.g. keeping the answer under an idempotency key.
    """
    async with ports.database.transaction() as connection:
        job, posted = await accept(connection, ports, submission)
        if also:
            await also(connection, job)
    ports.relay.publish(posted)
    return job


async def accept(
    connection: Connection, ports: Ports, submission: Submission
) -> tuple[asyncpg.Record, Sequence[Posted]]:
    """Accept a job in the caller's transaction; returns its row, and what is to be published after the commit."""
    job_id, tally = new_id(), _Tally()
    await images.copy_images(connection, _copied(submission, job_id, tally))
    if submission.door.upload_ids:
        await images.attach_uploads(connection, job_id, submission.door.upload_ids)
    else:
        await images.expect_many(connection)
        if not submission.has_no_repeats:
            await images.mark_repeated(connection, job_id)
    job = await _inserted(connection, _new_job(ports, submission, job_id, tally), submission.door.reference_start)
    posted = await outbox.add(connection, [await _submitted(connection, ports, job, submission)])
    await jobs.notify(connection, [job_id])
    return job, posted


class Also(Protocol):
    """Work for the transaction that accepts a job."""

    async def __call__(self, connection: Connection, job: asyncpg.Record) -> None: ...


async def _inserted(connection: Connection, job: NewJob, reference_start: str | None) -> asyncpg.Record:
    """The job's row; jobs of one millisecond get references of different ones."""
    now_ms = time.time_ns() // 1_000_000
    for ms in range(now_ms, now_ms + REFERENCES_TRIED_MAX):
        reference = f"{reference_start}-{ms}" if reference_start else None
        if row := await jobs.insert_job(connection, replace(job, reference=reference)):
            return row
    raise RuntimeError(f"no reference is free from {now_ms} on")


def _new_job(ports: Ports, submission: Submission, job_id: UUID, tally: _Tally) -> NewJob:
    return NewJob(
        job_id=job_id,
        account_id=submission.account_id,
        kind=submission.kind,
        recipe=submission.recipe,
        price_tokens=ports.prices.price_of(submission.kind, submission.door.tier),
        webhook_url=submission.webhook_url,
        webhook_secret_sealed=ports.seal.seal(submission.webhook_secret) if submission.webhook_secret else None,
        file_name=submission.file_name,
        traceparent=new_traceparent(),
        images_total=tally.images,
        items_total=tally.items,
        album_id=submission.door.album_id,
        tier=submission.door.tier,
        in_flight_max=submission.door.in_flight_max,
        door_facts=json.dumps(submission.door.facts) if submission.door.facts is not None else None,
        starts=submission.starts,
    )


async def _submitted(
    connection: Connection, ports: Ports, job: asyncpg.Record, submission: Submission
) -> outbox.Letter:
    webhook = await secrets.webhook_for(
        connection, ports.seal, job["account_id"], job["webhook_url"], job["webhook_secret_sealed"]
    )
    said = JobSubmitted(
        account_id=job["account_id"],
        job_id=job["job_id"],
        kind=job["kind"],
        recipe=submission.recipe,
        images_total=job["images_total"],
        price_tokens=job["price_tokens"],
        webhook=webhook,
        name=submission.name,
        columns=tuple(submission.columns()),
    )
    return outbox.following(job["traceparent"], said, source="gateway")


async def _copied(submission: Submission, job_id: UUID, tally: _Tally) -> AsyncIterator[bytes]:
    """COPY's text format, piece by piece; each piece is made in a thread."""
    rows = _rows(submission, job_id, tally)
    while piece := await asyncio.to_thread(_take, rows):
        yield piece


def _take(rows: Iterator[str]) -> bytes:
    piece = []
    for row in rows:
        piece.append(row)
        if len(piece) >= COPY_ROWS:
            break
    return "".join(piece).encode()


def _rows(submission: Submission, job_id: UUID, tally: _Tally) -> Iterator[str]:
    job = str(job_id)
    for seq, (item, key, name, position, size, url, *carried) in enumerate(submission.images()):
        tally.images = seq + 1
        tally.items = item
        yield (
            f"{uuid7()}\t{job}\t{seq}\t{item}\t{_escaped(str(key))}\t{_escaped(name)}"
            f"\t{position}\t{size}\t{_escaped(url)}\t{_array(carried[0]) if carried and carried[0] else NULL}\n"
        )


def _array(texts: Sequence[str]) -> str:
    """A text[] in COPY's text format: quoted for the array, then escaped for COPY."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return _escaped("{" + ",".join(f'"{text}"' for text in quoted) + "}")


def _escaped(text: str) -> str:
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
