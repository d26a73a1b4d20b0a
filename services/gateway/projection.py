"""The projection: what events say becomes the rows that all status comes from.

States only move forward and terminal states absorb, so that any order and any repetition of events gives the same rows.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.gateway import batch_projection
from services.gateway.batch_projection import Ended
from services.gateway.statement import Booked, record_statement
from services.gateway.store import (
    audits,
    balances,
    deliveries,
    exports,
    images,
    jobs,
    reports,
    service_reports,
    uploads,
)
from services.gateway.store.audits import Audited
from services.gateway.store.balances import Balance, TokensDecided
from services.gateway.store.deliveries import Attempt
from services.gateway.store.exports import ExportEnded
from services.gateway.store.images import ImageEnded
from services.gateway.store.jobs import Progress
from services.gateway.store.reports import ReportEnded
from shared.events import Event, JobCompleted, ServiceReported
from shared.outcome import Connection, Recorder


async def record_images(connection: Connection, ended: Sequence[ImageEnded]) -> Sequence[Event]:
    """End images, move their jobs' counters, and complete the jobs whose last image this was."""
    first = first_of_latest_runs(ended)
    job_ids = sorted({image.job_id for image in ended})
    await jobs.lock_jobs(connection, job_ids)
    changed = await images.mark_ended(connection, [first[image_id] for image_id in sorted(first)])
    if not changed:
        return ()
    progress = progress_of(changed)
    for job_id, items in (await _items_ended(connection, changed)).items():
        progress[job_id].items_ended = items
    await jobs.add_progress(connection, progress)
    told = {image.image_id: image.result for image in first.values()}
    await batch_projection.record_ended(
        connection, [Ended(row["job_id"], row["seq"], row["state"], told[row["image_id"]]) for row in changed]
    )
    return await complete(connection, sorted(progress))


def first_of_latest_runs(ended: Sequence[ImageEnded]) -> dict[UUID, ImageEnded]:
    """Of what is told of each image at once the first, of the latest run that it is told of."""
    first: dict[UUID, ImageEnded] = {}
    for image in ended:
        if image.image_id not in first or first[image.image_id].run < image.run:
            first[image.image_id] = image
    return first


async def complete(connection: Connection, job_ids: Sequence[UUID]) -> list[Event]:
    """End the jobs that have nothing left to do, and tell those who wait for any of these."""
    completed = await jobs.mark_completed(connection, job_ids)
    await jobs.notify(connection, job_ids)
    return [job_completed(row) for row in completed]


def progress_of(changed: Sequence[asyncpg.Record]) -> dict[UUID, Progress]:
    """What images that have just ended mean for their jobs' counters."""
    progress: dict[UUID, Progress] = defaultdict(Progress)
    for row in changed:
        job = progress[row["job_id"]]
        job.in_flight -= 1
        setattr(job, row["state"], getattr(job, row["state"]) + 1)
        job.source_bytes += row["source_bytes"] or 0
        job.rendition_bytes += row["rendition_bytes"] or 0
    return progress


async def _items_ended(connection: Connection, changed: Sequence[asyncpg.Record]) -> dict[UUID, int]:
    ended: dict[UUID, int] = defaultdict(int)
    open_items: dict[tuple[UUID, int], int] = {}
    for row in changed:
        if row["item_size"] == 1:
            ended[row["job_id"]] += 1
        else:
            open_items[row["job_id"], row["seq"] - row["position"]] = row["item_size"]
    if open_items:
        found = await images.count_items_ended(
            connection,
            [job_id for job_id, _ in open_items],
            [first_seq for _, first_seq in open_items],
            list(open_items.values()),
        )
        for job_id, items in found.items():
            ended[job_id] += items
    return ended


def job_completed(row: asyncpg.Record) -> JobCompleted:
    """The event that says a job has ended."""
    completed_at: datetime = row["completed_at"]
    return JobCompleted(
        account_id=row["account_id"],
        job_id=row["job_id"],
        kind=row["kind"],
        run=row["run"],
        state=row["state"],
        images_total=row["images_total"],
        images_succeeded=row["images_succeeded"],
        images_failed=row["images_failed"],
        images_cancelled=row["images_cancelled"],
        items_total=row["items_total"],
        items_ended=row["items_ended"],
        completed_at=completed_at,
    )


async def record_tokens(connection: Connection, decided: Sequence[TokensDecided]) -> Sequence[Event]:
    """Let a run begin, or stop it, as the ledger has decided."""
    job_ids = sorted({each.job_id for each in decided})
    await jobs.lock_jobs(connection, job_ids)
    for each in decided:
        if each.held:
            await jobs.mark_open(connection, each.job_id, each.run, each.available)
        elif each.run == 1:
            if await jobs.mark_declined(connection, each.job_id, each.run, each.available):
                await uploads.delete_unpaid(connection, each.job_id)
        elif await jobs.mark_retry_declined(connection, each.job_id, each.run):
            again = await images.fail_again(connection, each.job_id)
            progress = Progress(failed=again["images"], items_ended=again["items"])
            await jobs.add_progress(connection, {each.job_id: progress})
    return await complete(connection, job_ids)


async def record_exports(connection: Connection, ended: Sequence[ExportEnded]) -> Sequence[Event]:
    """Note which files are ready or cannot be made."""
    await exports.mark_ended(connection, ended)
    await jobs.notify(connection, sorted({each.job_id for each in ended}))
    return ()


async def record_reports(connection: Connection, ended: Sequence[ReportEnded]) -> Sequence[Event]:
    """Note which reports are ready or cannot be made."""
    await reports.mark_ended(connection, ended)
    await jobs.notify(connection, sorted({each.export_id for each in ended}))
    return ()


async def record_attempts(connection: Connection, attempts: Sequence[Attempt]) -> Sequence[Event]:
    """Keep the log of webhook messages and their attempts."""
    await deliveries.upsert_deliveries(connection, attempts)
    await deliveries.insert_attempts(connection, attempts)
    await jobs.notify(connection, sorted({attempt.job_id for attempt in attempts}))
    return ()


async def record_balances(connection: Connection, found: Sequence[Balance]) -> Sequence[Event]:
    """Keep each account's newest balance."""
    await balances.upsert_balances(connection, found)
    return ()


async def record_audits(connection: Connection, answers: Sequence[Audited]) -> Sequence[Event]:
    """Keep what audits found, and tell those who asked."""
    await audits.record_answers(connection, answers)
    await jobs.notify(connection, [each.audit_id for each in answers])
    return ()


async def record_service_reports(connection: Connection, reports: Sequence[ServiceReported]) -> Sequence[Event]:
    """Keep the newest report of each process, and forget those that are long gone."""
    newest = {each.instance_id: each for each in sorted(reports, key=lambda each: each.reported_at)}
    await service_reports.upsert_service_reports(connection, [newest[known] for known in sorted(newest)])
    await service_reports.forget_silent(connection)
    return ()


RECORDERS: dict[type, Recorder] = {
    ImageEnded: record_images,
    TokensDecided: record_tokens,
    Balance: record_balances,
    Booked: record_statement,
    Audited: record_audits,
    ExportEnded: record_exports,
    ReportEnded: record_reports,
    Attempt: record_attempts,
    ServiceReported: record_service_reports,
}
