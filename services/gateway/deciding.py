"""The ledger's decision about an enhancement, awaited on the projection and told from the job's row.

Held: what came of it. Declined: nothing has changed. None in time: the job is cancelled. Whoever asks about the same
job, and whenever, is told the same.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.gateway import idempotency
from services.gateway.ports import Ports
from services.gateway.store import album_jobs, jobs, uploads
from shared import outbox
from shared.errors import DarkroomError
from shared.events import JobCancelled

AWAITING = "awaiting_tokens"


class Declined(DarkroomError):
    """The account cannot pay; nothing has changed. `available`: what it can spend, where that is known."""

    def __init__(self, required: int, to_enhance: int, available: int | None) -> None:
        super().__init__(f"{required} tokens for {to_enhance} images")
        self.required = required
        self.to_enhance = to_enhance
        self.available = available


class NotDecided(DarkroomError):
    """The ledger has not answered in time: the job is cancelled, and whatever gets held for it is given back."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An upload and the door's job for it, by their ids."""

    upload_id: str
    image_id: str


@dataclass(frozen=True, slots=True)
class Enhancement:
    """What came of an order. batch_id: None when nothing was to be done. running: by which jobs it is done already."""

    total: int
    skipped: int
    cost: int
    new_balance: int
    batch_id: str | None = None
    units: Sequence[Unit] = ()
    running: Sequence[Unit] = ()


async def decision(ports: Ports, job_id: UUID) -> Enhancement:
    """The ledger's decision about a job, as its row tells it: the same whenever it is asked for."""

    async def decided() -> asyncpg.Record | None:
        async with ports.database.connection() as connection:
            found = await album_jobs.find_asked(connection, job_id)
        return None if found["state"] == AWAITING else found

    job = await ports.live.until(job_id, decided, ports.settings.enhance_wait_seconds)
    if job is None:
        await _give_up(ports, job_id)
        job = await decided()
    if job is None:
        raise NotDecided
    return await _told(ports, job_id, job)


async def _told(ports: Ports, job_id: UUID, job: asyncpg.Record) -> Enhancement:
    facts, cost = json.loads(job["door_facts"]), job["price_tokens"] * job["images_total"]
    if job["problem"] == "tokens_declined":
        async with ports.database.transaction() as connection:
            await idempotency.release_job(connection, job_id)
        raise Declined(cost, job["images_total"], facts.get("available"))
    if "new_balance" not in facts:
        raise NotDecided
    pairs = zip(job["upload_ids"], job["image_ids"], strict=True)
    return Enhancement(
        total=facts["total_images"],
        skipped=facts["skipped"],
        cost=cost,
        new_balance=facts["new_balance"],
        batch_id=job["reference"] or str(job_id),
        units=[Unit(str(upload_id), str(image_id)) for upload_id, image_id in pairs],
    )


async def _give_up(ports: Ports, job_id: UUID) -> None:
    """Cancel a job that is still not decided; its key is let go, so that the same request can be tried again."""
    async with ports.database.transaction() as connection:
        await jobs.lock_jobs(connection, [job_id])
        job = await album_jobs.find_asked(connection, job_id)
        if job["state"] != AWAITING:
            return
        version = await jobs.mark_cancelling(connection, job_id)
        said = JobCancelled(account_id=job["account_id"], job_id=job_id, version=version or 0)
        posted = await outbox.add(connection, [outbox.following(job["traceparent"], said, source="gateway")])
        await uploads.delete_unpaid(connection, job_id)
        await idempotency.release_job(connection, job_id)
        await jobs.notify(connection, [job_id])
    ports.relay.publish(posted)
