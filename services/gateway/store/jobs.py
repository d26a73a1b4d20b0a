"""SQL over jobs: their counters change only beside the images that they count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from shared.facts import JobKind, Recipe
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is accepted."""

    job_id: UUID
    account_id: str
    kind: JobKind
    recipe: Recipe
    price_tokens: int
    webhook_url: str | None
    webhook_secret_sealed: str | None
    file_name: str
    traceparent: str
    images_total: int
    items_total: int
    reference: str | None = None
    album_id: UUID | None = None
    tier: str | None = None
    in_flight_max: int | None = None
    door_facts: str | None = None
    starts: bool = True


@dataclass(slots=True)
class Progress:
    """By how much a job's counters change."""

    in_flight: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    items_ended: int = 0
    source_bytes: int = 0
    rendition_bytes: int = 0


async def insert_job(connection: Connection, job: NewJob) -> asyncpg.Record | None:
    """Accept a job: it waits to be started, or for its tokens where it has a price. None: its reference is taken."""
    return await connection.fetchrow(
        """
        INSERT INTO jobs (job_id, account_id, kind, state, recipe, price_tokens, webhook_url, webhook_secret_sealed,
                          file_name, traceparent, images_total, items_total, reference, album_id, tier, in_flight_max,
                          door_facts)
        VALUES ($1, $2, $3,
                CASE WHEN NOT $17 THEN 'pending' WHEN $5 > 0 THEN 'awaiting_tokens' ELSE 'open' END::job_state,
                $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        ON CONFLICT (reference) DO NOTHING
        RETURNING *
        """,
        job.job_id,
        job.account_id,
        job.kind,
        job.recipe.model_dump_json(),
        job.price_tokens,
        job.webhook_url,
        job.webhook_secret_sealed,
        job.file_name,
        job.traceparent,
        job.images_total,
        job.items_total,
        job.reference,
        job.album_id,
        job.tier,
        job.in_flight_max,
        job.door_facts,
        job.starts,
    )


async def find_job(connection: Connection, account_id: str, job_id: UUID) -> asyncpg.Record | None:
    """A job of an account."""
    return await connection.fetchrow("SELECT * FROM jobs WHERE job_id = $1 AND account_id = $2", job_id, account_id)


async def lock_job(connection: Connection, account_id: str, job_id: UUID) -> asyncpg.Record | None:
    """A job of an account, not to be changed by others until the transaction ends."""
    return await connection.fetchrow(
        "SELECT * FROM jobs WHERE job_id = $1 AND account_id = $2 FOR UPDATE", job_id, account_id
    )


async def lock_jobs(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Keep others from changing these jobs until the transaction ends; always in the same order."""
    await connection.fetch("SELECT FROM jobs WHERE job_id = ANY($1::uuid[]) ORDER BY job_id FOR NO KEY UPDATE", job_ids)


async def try_lock_dispatch(connection: Connection) -> bool:
    """Be the one dispatcher until the transaction ends; False when another process is."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('gateway dispatch'))"))


async def list_to_dispatch(connection: Connection) -> list[asyncpg.Record]:
    """Every job under way, the oldest first."""
    return await connection.fetch(
        """
        SELECT *, images_succeeded + images_failed + images_cancelled AS images_ended
        FROM jobs
        WHERE state IN ('open', 'cancelling')
        ORDER BY created_at
        """
    )


async def lock_to_dispatch(connection: Connection, job_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """These jobs as they are, not to be changed by others until the transaction ends; always in the same order."""
    return await connection.fetch(
        """
        SELECT *, images_succeeded + images_failed + images_cancelled AS images_ended
        FROM jobs
        WHERE job_id = ANY($1::uuid[])
        ORDER BY job_id
        FOR NO KEY UPDATE
        """,
        job_ids,
    )


async def advance(connection: Connection, job_id: UUID, next_seq: int, in_flight: int) -> None:
    """Note that the job's images before `next_seq` were let in, `in_flight` more than before."""
    await connection.execute(
        """
        UPDATE jobs
        SET next_seq = $2, in_flight = in_flight + $3, updated_at = now(),
            advanced_at = CASE WHEN $3 > 0 THEN now() ELSE advanced_at END
        WHERE job_id = $1
        """,
        job_id,
        next_seq,
        in_flight,
    )


async def add_progress(connection: Connection, progress: Mapping[UUID, Progress]) -> None:
    """Change counters by what has happened; the jobs are locked."""
    job_ids = sorted(progress)
    columns = [[getattr(progress[job_id], name) for job_id in job_ids] for name in Progress.__slots__]
    await connection.execute(
        """
        UPDATE jobs
        SET in_flight = jobs.in_flight + more.in_flight,
            images_succeeded = images_succeeded + more.succeeded,
            images_failed = images_failed + more.failed,
            images_cancelled = images_cancelled + more.cancelled,
            items_ended = jobs.items_ended + more.items_ended,
            source_bytes = jobs.source_bytes + more.source_bytes,
            rendition_bytes = jobs.rendition_bytes + more.rendition_bytes,
            updated_at = now()
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::bigint[], $8::bigint[])
             AS more (job_id, in_flight, succeeded, failed, cancelled, items_ended, source_bytes, rendition_bytes)
        WHERE jobs.job_id = more.job_id
        """,
        job_ids,
        *columns,
    )


async def mark_completed(connection: Connection, job_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """End those jobs of which every image has ended; a paused one ends when it is resumed. Returns them."""
    return await connection.fetch(
        """
        UPDATE jobs
        SET state = CASE
                WHEN problem IS NOT NULL AND images_succeeded = 0 THEN 'failed'
                WHEN images_cancelled > 0 THEN 'cancelled'
                WHEN images_succeeded = 0 THEN 'failed'
                ELSE 'completed'
            END::job_state,
            paused = false, completed_at = now(), updated_at = now()
        WHERE job_id = ANY($1::uuid[]) AND state IN ('open', 'cancelling') AND NOT paused
          AND images_succeeded + images_failed + images_cancelled = images_total
        RETURNING *
        """,
        job_ids,
    )


async def mark_open(connection: Connection, job_id: UUID, run: int, available: int | None) -> UUID | None:
    """The run's tokens are held: let its images in. What is available after that is kept for the door's answer."""
    found: UUID | None = await connection.fetchval(
        """
        UPDATE jobs
        SET state = 'open', updated_at = now(),
            door_facts = door_facts || jsonb_build_object('new_balance', $3::bigint)
        WHERE job_id = $1 AND run = $2 AND state = 'awaiting_tokens'
        RETURNING job_id
        """,
        job_id,
        run,
        available,
    )
    return found


async def mark_declined(connection: Connection, job_id: UUID, run: int, available: int | None) -> UUID | None:
    """The account cannot pay for the run: none of its images will be let in."""
    found: UUID | None = await connection.fetchval(
        """
        UPDATE jobs
        SET state = 'cancelling', problem = 'tokens_declined', updated_at = now(),
            door_facts = door_facts || jsonb_build_object('available', $3::bigint)
        WHERE job_id = $1 AND run = $2 AND state = 'awaiting_tokens'
        RETURNING job_id
        """,
        job_id,
        run,
        available,
    )
    return found


async def mark_retry_declined(connection: Connection, job_id: UUID, run: int) -> UUID | None:
    """The account cannot pay for a further run: the job is as it was before it."""
    found: UUID | None = await connection.fetchval(
        """
        UPDATE jobs SET state = 'open', problem = 'tokens_declined', next_seq = images_total, updated_at = now()
        WHERE job_id = $1 AND run = $2 AND state = 'awaiting_tokens'
        RETURNING job_id
        """,
        job_id,
        run,
    )
    return found


async def set_paused(connection: Connection, job_id: UUID, paused: bool) -> int | None:
    """Pause a job or let it go on; returns the control's version, or None when there is nothing to change."""
    version: int | None = await connection.fetchval(
        """
        UPDATE jobs SET paused = $2, control_version = control_version + 1, updated_at = now()
        WHERE job_id = $1 AND state IN ('awaiting_tokens', 'open') AND paused <> $2
        RETURNING control_version
        """,
        job_id,
        paused,
    )
    return version


async def mark_cancelling(connection: Connection, job_id: UUID) -> int | None:
    """Stop a job for good; returns the control's version, or None when it has ended or is stopping already."""
    version: int | None = await connection.fetchval(
        """
        UPDATE jobs
        SET state = 'cancelling', paused = false, control_version = control_version + 1, updated_at = now()
        WHERE job_id = $1 AND state IN ('pending', 'awaiting_tokens', 'open')
        RETURNING control_version
        """,
        job_id,
    )
    return version


async def restart(connection: Connection, job_id: UUID, images: int, items: int) -> asyncpg.Record:
    """Begin the job's next run over images that had failed."""
    row = await connection.fetchrow(
        """
        UPDATE jobs
        SET run = run + 1, images_failed = images_failed - $2, items_ended = items_ended - $3, next_seq = 0,
            in_flight = 0, problem = NULL, completed_at = NULL, updated_at = now(),
            state = CASE WHEN price_tokens > 0 THEN 'awaiting_tokens' ELSE 'open' END::job_state
        WHERE job_id = $1
        RETURNING *
        """,
        job_id,
        images,
        items,
    )
    assert row is not None
    return row


async def notify(connection: Connection, job_ids: Sequence[Any]) -> None:
    """Wake whoever waits for news of these jobs, when the transaction commits."""
    await connection.execute(
        "SELECT pg_notify('darkroom_jobs', job_id::text) FROM unnest($1::uuid[]) AS job_id", job_ids
    )
