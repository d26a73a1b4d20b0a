"""Making a batch of another one's images, with or without what is known of them.

One snapshot holds the whole of it: the original may go on, and nobody waits for it.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.gateway.batches.control import Also, NoSuchBatch
from services.gateway.control import run_submitted
from services.gateway.ports import Ports
from services.gateway.store import batch_clones, batches, chunks, images, jobs
from services.gateway.store.batches import NewBatch
from services.gateway.store.jobs import NewJob
from shared import outbox
from shared.envelope import new_id, new_traceparent
from shared.events import Event, JobCloned
from shared.facts import Recipe
from shared.outcome import Connection

STRETCHES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Cloned:
    """A new batch, pending. chunks: how many it has. results: how many it took over."""

    job_id: UUID
    chunks: int
    results: int


async def clone(
    ports: Ports, account_id: str, original_id: UUID, name: str, also: Also | None = None, *, copy_results: bool
) -> Cloned:
    """Make a batch of another one's images. Raises NoSuchBatch.

    copy_results: images that have ended count as done in the new one, and only the rest is to run.
    """
    async with ports.database.connection() as connection, connection.transaction(isolation="repeatable_read"):
        original = await jobs.find_job(connection, account_id, original_id)
        batch = await batches.find_batch(connection, account_id, original_id)
        if original is None or batch is None:
            raise NoSuchBatch(f"Batch {original_id} not found")
        job = await _insert(connection, original, batch, name)
        cloned = await _fill(connection, job["job_id"], batch, copy_results=copy_results)
        left = job["images_total"] - cloned.results
        said: list[Event] = [
            await run_submitted(connection, ports, job, left, name=name, columns=tuple(batch["columns"]))
        ]
        if cloned.results:
            said.append(await _said(connection, account_id, original_id, cloned, is_whole=left == 0))
        letters = [outbox.following(job["traceparent"], event, source="gateway") for event in said]
        posted = await outbox.add(connection, letters)
        if also:
            await also(connection, cloned)
        await jobs.notify(connection, [cloned.job_id])
    ports.relay.publish(posted)
    return cloned


async def _said(
    connection: Connection, account_id: str, original_id: UUID, cloned: Cloned, *, is_whole: bool
) -> JobCloned:
    """What others need to know to take over the same results. An event holds so many stretches and no more: a batch
    with more of them is mostly one whose failures are spread, and what it has found out beyond is as good."""
    stretches = None if is_whole else await batch_clones.list_stretches(connection, cloned.job_id, STRETCHES_MAX + 1)
    return JobCloned(
        account_id=account_id,
        job_id=cloned.job_id,
        original_id=original_id,
        results_copied=cloned.results,
        stretches=None if stretches is None or len(stretches) > STRETCHES_MAX else tuple(stretches),
    )


async def _insert(connection: Connection, original: asyncpg.Record, batch: asyncpg.Record, name: str) -> asyncpg.Record:
    new = NewJob(
        job_id=new_id(),
        account_id=original["account_id"],
        kind=original["kind"],
        recipe=Recipe.model_validate_json(original["recipe"]),
        price_tokens=original["price_tokens"],
        webhook_url=original["webhook_url"],
        webhook_secret_sealed=original["webhook_secret_sealed"],
        file_name=original["file_name"],
        traceparent=new_traceparent(),
        images_total=original["images_total"],
        items_total=original["items_total"],
        starts=False,
    )
    job = await jobs.insert_job(connection, new)
    assert job is not None, "it has no reference that could be taken"
    await batches.insert_batch(
        connection,
        NewBatch(
            job_id=new.job_id,
            account_id=new.account_id,
            name=name,
            description=batch["description"],
            chunk_size=batch["chunk_size"],
            chunks_total=batch["chunks_total"],
            columns=batch["columns"],
            cloned_from=original["job_id"],
        ),
    )
    return job


async def _fill(connection: Connection, job_id: UUID, batch: asyncpg.Record, *, copy_results: bool) -> Cloned:
    original_id = batch["job_id"]
    created = await chunks.insert_chunks(connection, job_id, batch["images_total"], batch["chunk_size"])
    await images.expect_many(connection)
    if not copy_results:
        await batch_clones.clone_images(connection, original_id, job_id, but_done=False)
        return Cloned(job_id, created, 0)
    done = await batch_clones.clone_images_done(connection, original_id, job_id)
    await batch_clones.clone_images(connection, original_id, job_id, but_done=True)
    await batch_clones.count_done(connection, job_id, done)
    await batch_clones.count_results(
        connection, job_id, await batch_clones.clone_results(connection, original_id, job_id)
    )
    await batch_clones.count_problems(connection, job_id)
    await chunks.recount(connection, job_id)
    return Cloned(job_id, created, done["succeeded"] + done["failed"])
