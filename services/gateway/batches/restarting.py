"""Running a batch again: what failed, one image, whatever has not succeeded, or all of it.

Each makes images pending under the job's next run, in one transaction. What workers still say of the earlier run is
late and changes nothing; they are told to drop what they have of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.gateway.batches.control import Also, NoSuchBatch, NotNow, Steering, activate, start_within, steering
from services.gateway.control import run_submitted
from services.gateway.ports import Ports
from services.gateway.store import batch_control, batch_deletions, chunks
from services.gateway.store.batch_control import Kept
from services.gateway.store.chunks import ChunkProgress
from shared.events import JobCancelled

ENDED = ("completed", "cancelled")
NOT_FAILED = Kept(succeeded=True, cancelled=True)
SUCCEEDED = Kept(succeeded=True, cancelled=False)
NOTHING = Kept(succeeded=False, cancelled=False)


class NoSuchResult(NoSuchBatch):
    """The account has no batch with such an image."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """What runs again. status: the batch's before. run: of the batch from now on. images, chunks: how many."""

    job_id: UUID
    status: str
    run: int
    images: int
    chunks: int


async def retry_failed(ports: Ports, account_id: str, job_id: UUID, also: Also | None = None) -> Restarted:
    """Run the failed images of an ended batch again. Raises NoSuchBatch, NotNow, TooManyActive."""
    async with steering(ports, account_id, job_id, also) as steered:
        if steered.status not in ENDED or steered.job["completed_at"] is None:
            raise NotNow(f"Batch {job_id} has not ended")
        if not steered.job["images_failed"]:
            raise NotNow(f"Batch {job_id} has no failed images")
        return await _restart_active(ports, steered, NOT_FAILED)


async def retry(ports: Ports, account_id: str, job_id: UUID, also: Also | None = None) -> Restarted:
    """Run whatever has not succeeded of an ended batch again. Raises NoSuchBatch, NotNow, TooManyActive."""
    async with steering(ports, account_id, job_id, also) as steered:
        if steered.status not in ENDED:
            raise NotNow(f"Batch {job_id} has not ended")
        if steered.job["images_succeeded"] == steered.job["images_total"]:
            raise NotNow(f"Batch {job_id} has no failed images")
        return await _restart_active(ports, steered, SUCCEEDED)


async def retry_image(ports: Ports, account_id: str, image_id: UUID, also: Also | None = None) -> Restarted:
    """Run one failed image of an ended batch again. Raises NoSuchResult, NotNow, TooManyActive."""
    async with ports.database.connection() as connection:
        job_id = await batch_control.find_job_of_image(connection, account_id, image_id)
    if job_id is None:
        raise NoSuchResult(f"Result {image_id} not found")
    async with steering(ports, account_id, job_id, also) as steered:
        again = await _restart_some(ports, steered, [image_id])
        if again is None:
            raise NotNow(f"Result {image_id} has not failed")
        return await steered.done(Restarted(steered.job_id, steered.status, again.run, 1, 1))


async def retry_images(ports: Ports, account_id: str, job_id: UUID, image_ids: Sequence[UUID]) -> set[UUID]:
    """Run those of an ended batch's images again that have failed, in one run; returns which.

    Raises NoSuchBatch, NotNow, TooManyActive.
    """
    async with steering(ports, account_id, job_id) as steered:
        again = await _restart_some(ports, steered, image_ids)
        return again.image_ids if again else set()


async def force_start(
    ports: Ports, account_id: str, job_id: UUID, also: Also | None = None, *, skip_validation: bool
) -> Restarted:
    """Run whatever has not succeeded again, in whatever status the batch is; a pending one is started.

    Raises NoSuchBatch, TooManyActive, and NotNow of a completed one where validation is not skipped.
    """
    async with steering(ports, account_id, job_id, also) as steered:
        if steered.status == "completed" and not skip_validation:
            raise NotNow("Cannot force start a completed batch. Use clone instead.")
        if steered.status != "pending":
            return await _restart_active(ports, steered, SUCCEEDED)
        waiting = steered.job["images_total"] - steered.job["images_succeeded"] - steered.job["images_failed"]
        open_chunks = await batch_control.count_open_chunks(steered.connection, job_id)
        await start_within(steered.connection, account_id, job_id, ports.settings.batches_active_max)
        return await steered.done(Restarted(steered.job_id, steered.status, steered.job["run"], waiting, open_chunks))


async def reset(ports: Ports, account_id: str, job_id: UUID, *, force: bool) -> Restarted:
    """Make a batch pending as at its beginning; results stay until they are replaced. Raises NoSuchBatch, NotNow."""
    async with steering(ports, account_id, job_id) as steered:
        if steered.status not in ("pending", "queued", "processing") and not force:
            raise NotNow(f"Batch is in {steered.status} status. Use force=True to reset anyway.")
        return await _restart(ports, steered, NOTHING)


async def _restart_active(ports: Ports, steered: Steering, kept: Kept) -> Restarted:
    restarted = await _restart(ports, steered, kept)
    active_max = ports.settings.batches_active_max
    await activate(steered.connection, steered.job["account_id"], steered.job_id, active_max)
    return await steered.done(restarted)


async def _restart(ports: Ports, steered: Steering, kept: Kept) -> Restarted:
    job, connection = steered.job, steered.connection
    await batch_control.restart_images(connection, job, kept)
    open_chunks = await batch_control.restart_chunks(connection, steered.job_id, kept)
    await batch_deletions.delete_problems(connection, steered.job_id)
    succeeded = job["images_succeeded"] if kept.succeeded else 0
    cancelled = job["images_cancelled"] if kept.cancelled else 0
    again = await _next_run(ports, steered, succeeded, 0, cancelled)
    return Restarted(
        steered.job_id, steered.status, again["run"], job["images_total"] - succeeded - cancelled, open_chunks
    )


async def _next_run(ports: Ports, steered: Steering, succeeded: int, failed: int, cancelled: int) -> asyncpg.Record:
    """Begin the next run, in which so many images stay as they ended; the batch is not active yet."""
    job, batch, ended = steered.job, steered.batch, succeeded + failed + cancelled
    again = await batch_control.restart_job(steered.connection, steered.job_id, succeeded, failed, cancelled)
    await batch_control.restart_batch(steered.connection, steered.job_id, succeeded + failed)
    steered.events.append(
        JobCancelled(
            account_id=job["account_id"], job_id=steered.job_id, version=again["control_version"], run=job["run"]
        )
    )
    names = {"name": batch["name"], "columns": tuple(batch["columns"])}
    steered.events.append(await run_submitted(steered.connection, ports, again, job["images_total"] - ended, **names))
    return again


@dataclass(frozen=True, slots=True)
class _Some:
    """Single images that run again, and in which run."""

    image_ids: set[UUID]
    run: int


async def _restart_some(ports: Ports, steered: Steering, image_ids: Sequence[UUID]) -> _Some | None:
    """Begin a run of those of an ended batch's images that have failed; None where none has. Raises NotNow."""
    job, job_id = steered.job, steered.job_id
    if steered.status not in ENDED or job["completed_at"] is None:
        raise NotNow(f"Batch {job_id} has not ended")
    found = {each: await batch_control.restart_image(steered.connection, each, job) for each in image_ids}
    restarted = {image_id: image for image_id, image in found.items() if image is not None}
    if not restarted:
        return None
    for image in restarted.values():
        await _count_restarted(steered, image)
    kept = (job["images_succeeded"], job["images_failed"] - len(restarted), job["images_cancelled"])
    again = await _next_run(ports, steered, *kept)
    await activate(steered.connection, job["account_id"], job_id, ports.settings.batches_active_max)
    return _Some(set(restarted), again["run"])


async def _count_restarted(steered: Steering, image: asyncpg.Record) -> None:
    """Count a failed image that runs again."""
    number = image["seq"] // steered.batch["chunk_size"] + 1
    await chunks.add_progress(steered.connection, {(steered.job_id, number): ChunkProgress(failed=-1)})
    if image["problem"]:
        await batch_control.uncount_problem(steered.connection, steered.job_id, image["problem"])
