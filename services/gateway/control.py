"""Steering a job: pause, resume, cancel, try its failed images again. Each is one transaction with its event."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from services.gateway import projection, secrets
from services.gateway.intake import Also
from services.gateway.ports import Ports
from services.gateway.store import images, jobs
from shared import outbox
from shared.errors import DarkroomError
from shared.events import JobCancelled, JobControl, JobPaused, JobResumed, JobSubmitted
from shared.facts import Recipe
from shared.outcome import Connection


class NoSuchJob(DarkroomError):
    """The account has no such job."""


class NotNow(DarkroomError):
    """The job's state does not allow it."""


async def pause(ports: Ports, account_id: str, job_id: UUID) -> None:
    """Let no more images in, and let those wait that no work was spent on yet."""
    await _steer(ports, account_id, job_id, JobPaused, lambda connection: jobs.set_paused(connection, job_id, True))


async def resume(ports: Ports, account_id: str, job_id: UUID) -> None:
    """Let a paused job go on."""
    await _steer(ports, account_id, job_id, JobResumed, lambda connection: jobs.set_paused(connection, job_id, False))


async def cancel(ports: Ports, account_id: str, job_id: UUID) -> None:
    """Stop a job for good; what has ended stays as it is."""
    await _steer(ports, account_id, job_id, JobCancelled, lambda connection: jobs.mark_cancelling(connection, job_id))


async def _steer(
    ports: Ports,
    account_id: str,
    job_id: UUID,
    event: type[JobControl],
    change: Callable[[Connection], Awaitable[int | None]],
) -> None:
    async with ports.database.transaction() as connection:
        job = await _locked(connection, account_id, job_id)
        version = await change(connection)
        if version is None:
            raise NotNow(f"the job is {'paused' if job['paused'] else job['state']}")
        run = job["run"] if event is JobCancelled else None
        said = event(account_id=account_id, job_id=job_id, version=version, run=run)
        completed = await projection.complete(
            connection, [job_id]
        )  # its last images may have ended while it was paused
        letters = [outbox.following(job["traceparent"], each, source="gateway") for each in (said, *completed)]
        posted = await outbox.add(connection, letters)
    ports.relay.publish(posted)


async def retry_failed(ports: Ports, account_id: str, job_id: UUID, also: Also | None = None) -> asyncpg.Record:
    """Run a job's failed images again; returns the job. Raises NoSuchJob, NotNow."""
    async with ports.database.transaction() as connection:
        job = await _locked(connection, account_id, job_id)
        if job["state"] not in ("completed", "failed") or not job["images_failed"]:
            reason = "has no failed images" if job["completed_at"] else "has not ended"
            raise NotNow(f"the request {reason}")
        restarted = await images.restart_failed(connection, job_id, job["run"] + 1)
        job = await jobs.restart(connection, job_id, restarted["images"], restarted["items"])
        said = await run_submitted(connection, ports, job, restarted["images"])
        posted = await outbox.add(connection, [outbox.following(job["traceparent"], said, source="gateway")])
        if also:
            await also(connection, job)
        await jobs.notify(connection, [job_id])
    ports.relay.publish(posted)
    return job


async def run_submitted(
    connection: Connection, ports: Ports, job: asyncpg.Record, images_total: int, **facts: Any
) -> JobSubmitted:
    """The event that says that a further run of a job was accepted."""
    webhook = await secrets.webhook_for(
        connection, ports.seal, job["account_id"], job["webhook_url"], job["webhook_secret_sealed"]
    )
    return JobSubmitted(
        account_id=job["account_id"],
        job_id=job["job_id"],
        kind=job["kind"],
        run=job["run"],
        recipe=Recipe.model_validate_json(job["recipe"]),
        images_total=images_total,
        price_tokens=job["price_tokens"],
        webhook=webhook,
        **facts,
    )


async def _locked(connection: Connection, account_id: str, job_id: UUID) -> asyncpg.Record:
    job = await jobs.lock_job(connection, account_id, job_id)
    if job is None:
        raise NoSuchJob(str(job_id))
    return job
