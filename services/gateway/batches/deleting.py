"""Putting batches away: soft-deleted ones are kept for a while, deleted ones are gone at once and swept up later."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.gateway.batches.control import NotNow, Steering, steering, stop
from services.gateway.ports import Ports
from services.gateway.store import batch_deletions, jobs
from shared.errors import DarkroomError
from shared.events import JobCancelled, JobDeleted
from shared.outcome import Connection

ACTIVE = ("pending", "queued", "processing")
ROWS_AT_ONCE = 5_000
OVERDUE_AT_ONCE = 20
PAUSE_SECONDS = 0.05  # between two portions, for those who have work to do


class NotOverdue(DarkroomError):
    """The batch was restored or deleted meanwhile."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A soft-deleted batch: what is noted on it, and when it will be deleted."""

    note: str
    delete_at: datetime


async def soft_delete(ports: Ports, account_id: str, job_id: UUID, retention_days: int) -> Hidden:
    """Stop a batch and hide it; it is deleted in so many days. Raises NoSuchBatch."""
    now = datetime.now(UTC)
    hidden = Hidden(
        f"Soft deleted on {now:%Y-%m-%d %H:%M:%S} UTC (retention: {retention_days} days)",
        now + timedelta(days=retention_days),
    )
    async with steering(ports, account_id, job_id) as steered:
        await stop(steered)
        await batch_deletions.hide(steered.connection, job_id, hidden.note, hidden.delete_at)
    return hidden


async def delete(ports: Ports, account_id: str, job_id: UUID, *, force: bool) -> None:
    """Let a batch and all that came of it be gone. Raises NoSuchBatch, and NotNow of an active one without `force`."""
    async with steering(ports, account_id, job_id) as steered:
        if steered.status in ACTIVE and not force:
            raise NotNow(f"Cannot delete active batch {job_id}. Use force=True to override.")
        await _delete(steered)


async def sweep(ports: Ports) -> None:
    """Delete what was kept long enough, and remove the rows of what was deleted, until cancelled."""
    while True:
        await _delete_overdue(ports)
        more = await sweep_portion(ports)
        await asyncio.sleep(PAUSE_SECONDS if more else ports.settings.batch_sweep_seconds)


async def sweep_portion(ports: Ports) -> bool:
    """Remove some rows of the batch that was deleted first; False when there is none, or another process does it."""
    async with ports.database.transaction() as connection:
        if not await batch_deletions.try_lock_sweep(connection):
            return False
        job_id = await batch_deletions.find_deleted(connection)
        if job_id is None:
            return False
        await _remove_some(connection, job_id)
    return True


async def _remove_some(connection: Connection, job_id: UUID) -> None:
    """Remove a portion, images first: nothing is counted or kept of an image that is gone."""
    await jobs.lock_jobs(connection, [job_id])
    for remove in (batch_deletions.delete_images, batch_deletions.delete_results, batch_deletions.delete_chunks):
        if await remove(connection, job_id, ROWS_AT_ONCE):
            return
    await batch_deletions.delete_problems(connection, job_id)
    await batch_deletions.delete_batch(connection, job_id)
    await batch_deletions.delete_job(connection, job_id)


async def _delete_overdue(ports: Ports) -> None:
    async with ports.database.connection() as connection:
        overdue = await batch_deletions.list_overdue(connection, OVERDUE_AT_ONCE)
    for row in overdue:
        await _delete_if_overdue(ports, row["account_id"], row["job_id"])


async def _delete_if_overdue(ports: Ports, account_id: str, job_id: UUID) -> None:
    try:
        async with steering(ports, account_id, job_id) as steered:
            if not await batch_deletions.is_overdue(steered.connection, job_id):
                raise NotOverdue
            await _delete(steered)
    except DarkroomError:
        return


async def _delete(steered: Steering) -> None:
    """Nothing more is let in, stopped or said of its images; services that have rows of it remove them."""
    account_id: str = steered.job["account_id"]
    version = await batch_deletions.end_job(steered.connection, steered.job_id)
    await batch_deletions.mark_deleted(steered.connection, steered.job_id)
    steered.events.append(JobCancelled(account_id=account_id, job_id=steered.job_id, version=version))
    steered.events.append(JobDeleted(account_id=account_id, job_id=steered.job_id))
