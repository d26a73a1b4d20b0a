"""Steering a batch: start, pause, resume, cancel. Each is one transaction with its events.

Whatever makes a batch active goes through `activate`, where an account's batches are counted and the batch is opened
in one statement. A transaction locks the job first and the count after it, so that no two wait for each other.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from services.gateway import projection
from services.gateway.ports import Ports
from services.gateway.store import batch_control, batches, jobs
from shared import outbox
from shared.errors import DarkroomError
from shared.events import Event, JobCancelled, JobPaused, JobResumed
from shared.outcome import Connection

Done = TypeVar("Done")
Also = Callable[[Connection, Any], Awaitable[None]]
"""Work for the transaction that steers a batch, with what came of it: e.g. keeping the answer."""


class NoSuchBatch(DarkroomError):
    """The account has no such batch."""


class NotNow(DarkroomError):
    """The batch's status does not allow it."""


class TooManyActive(DarkroomError):
    """The account has as many active batches as it may."""


@dataclass(frozen=True, slots=True)
class Steering:
    """A batch whose job is locked, as its row and as its callers see it; and what is said of it with the commit."""

    connection: Connection
    job: asyncpg.Record
    batch: asyncpg.Record
    events: list[Event] = field(default_factory=list)
    also: Also | None = None

    @property
    def job_id(self) -> UUID:
        """Its id."""
        found: UUID = self.job["job_id"]
        return found

    @property
    def status(self) -> str:
        """As its callers see it."""
        return str(self.batch["status"])

    async def done(self, result: Done) -> Done:
        """Do what is to be done beside it, and return what came of it."""
        if self.also:
            await self.also(self.connection, result)
        return result


@asynccontextmanager
async def steering(ports: Ports, account_id: str, job_id: UUID, also: Also | None = None) -> AsyncIterator[Steering]:
    """Lock a batch, and post what was said of it. Raises NoSuchBatch.

    One that has nothing left to do is completed: its last images may have ended while it was paused.
    """
    async with ports.database.transaction() as connection:
        job = await jobs.lock_job(connection, account_id, job_id)
        batch = await batches.find_batch(connection, account_id, job_id) if job else None
        if job is None or batch is None:
            raise NoSuchBatch(f"Batch {job_id} not found")
        steered = Steering(connection, job, batch, also=also)
        yield steered
        completed = await projection.complete(connection, [job_id])
        letters = [
            outbox.following(job["traceparent"], event, source="gateway") for event in (*steered.events, *completed)
        ]
        posted = await outbox.add(connection, letters)
    ports.relay.publish(posted)


async def start(ports: Ports, account_id: str, job_id: UUID) -> None:
    """Let a pending batch begin. Raises NoSuchBatch, NotNow, TooManyActive."""
    async with steering(ports, account_id, job_id) as steered:
        if steered.status != "pending":
            raise NotNow(f"Batch {job_id} is not in pending status")
        await start_within(steered.connection, account_id, job_id, ports.settings.batches_active_max)


async def start_within(connection: Connection, account_id: str, job_id: UUID, active_max: int) -> None:
    """Let a pending batch begin, in the caller's transaction that holds its job's lock. Raises TooManyActive."""
    await activate(connection, account_id, job_id, active_max)
    await jobs.notify(connection, [job_id])


async def activate(connection: Connection, account_id: str, job_id: UUID, active_max: int) -> int:
    """Make a pending or paused batch active; returns the control's version. Raises TooManyActive."""
    await batch_control.lock_active(connection, account_id)
    version = await batch_control.mark_active(connection, job_id, active_max)
    if version is None:
        raise TooManyActive(f"Maximum concurrent batches ({active_max}) reached")
    await batch_control.mark_queued(connection, job_id)
    return version


async def pause(ports: Ports, account_id: str, job_id: UUID) -> None:
    """Let no more images in, and let those wait that no work was spent on yet. Raises NoSuchBatch, NotNow."""
    async with steering(ports, account_id, job_id) as steered:
        if steered.status not in ("queued", "processing"):
            raise NotNow(f"Batch {job_id} cannot be paused in {steered.status} status")
        version = await jobs.set_paused(steered.connection, job_id, True)
        assert version is not None, "queued and processing batches are open"
        steered.events.append(JobPaused(account_id=account_id, job_id=job_id, version=version))


async def resume(ports: Ports, account_id: str, job_id: UUID) -> None:
    """Let a paused batch go on. Raises NoSuchBatch, NotNow, TooManyActive."""
    async with steering(ports, account_id, job_id) as steered:
        if steered.status != "paused":
            raise NotNow(f"Batch {job_id} is not paused")
        version = await activate(steered.connection, account_id, job_id, ports.settings.batches_active_max)
        steered.events.append(JobResumed(account_id=account_id, job_id=job_id, version=version))


async def cancel(ports: Ports, account_id: str, job_id: UUID) -> None:
    """Stop a batch; what has ended stays as it is. Raises NoSuchBatch, NotNow."""
    async with steering(ports, account_id, job_id) as steered:
        if steered.status in ("completed", "cancelled"):
            raise NotNow(f"Batch {job_id} is already {steered.status}")
        await stop(steered)


async def stop(steered: Steering) -> None:
    """Let nothing more be spent on an unended batch's present run; its images that were not let in are cancelled."""
    version = await jobs.mark_cancelling(steered.connection, steered.job_id)
    if version is not None:
        steered.events.append(
            JobCancelled(
                account_id=steered.job["account_id"],
                job_id=steered.job_id,
                version=version,
                run=steered.job["run"],
            )
        )
