"""Cancelling single images: decided here and for good, whatever their workers still say."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.gateway import projection
from services.gateway.image_events import image_cancelled
from services.gateway.live import account_topic
from services.gateway.ports import Ports
from services.gateway.store import album_jobs, balances, jobs
from services.gateway.store.jobs import Progress
from shared import outbox
from shared.errors import DarkroomError
from shared.outcome import Connection

REFUND_WAIT_SECONDS = 5
AWAITING = "awaiting_tokens"


class NothingToCancel(DarkroomError):
    """All of it has ended."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a cancellation gives back, in tokens, and what is available then."""

    images: int
    refunded: int
    available: int


async def cancel_images(ports: Ports, account_id: str, job_id: UUID, image_ids: Sequence[UUID]) -> Cancelled:
    """Cancel those of a job's images that have not ended. Raises NothingToCancel.

    The ledger gives their tokens back; what is available is as its books say, or as they will say where it takes long.
    """
    async with ports.database.transaction() as connection:
        job = await jobs.lock_job(connection, account_id, job_id)
        rows = await album_jobs.cancel_images(connection, job_id, image_ids) if job else []
        if job is None or not rows:
            raise NothingToCancel
        posted = await outbox.add(connection, await _letters(connection, job, rows))
        before = await balances.find_balance(connection, account_id)
    ports.relay.publish(posted)
    cancelled = [str(row["image_id"]) for row in rows]
    refunded = job["price_tokens"] * len(cancelled)
    given_back = await _given_back(ports, account_id, cancelled) if refunded else None
    if given_back is None:
        available = before["posted"] - before["held"] if before else 0
        given_back = available + (0 if job["state"] == AWAITING else refunded)
    return Cancelled(len(cancelled), refunded, given_back)


async def _letters(connection: Connection, job: asyncpg.Record, rows: Sequence[asyncpg.Record]) -> list[outbox.Letter]:
    """Count images that were just cancelled, and say so; each is an item of its own."""
    in_flight = sum(row["let_in"] for row in rows)
    progress = Progress(in_flight=-in_flight, cancelled=len(rows), items_ended=len(rows))
    await jobs.add_progress(connection, {job["job_id"]: progress})
    completed = await projection.complete(connection, [job["job_id"]])
    events = [image_cancelled(job, rows), *completed]
    return [outbox.following(job["traceparent"], event, source="gateway") for event in events]


async def _given_back(ports: Ports, account_id: str, image_ids: Sequence[str]) -> int | None:
    """What is available once all of these images' tokens are back; None when the ledger takes longer."""

    async def told() -> int | None:
        async with ports.database.connection() as connection:
            lines = await album_jobs.list_refunds(connection, account_id, image_ids)
        return int(lines[0]["balance_after"]) if len(lines) >= len(image_ids) else None

    return await ports.live.until(account_topic(account_id), told, REFUND_WAIT_SECONDS)
