"""What the exporter does: remember how images end, then build files and send webhooks from that."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from services.exporter import deliveries, domain, rows, store
from services.exporter.formats import FORMATS, Options
from services.exporter.ports import Ports
from services.exporter.rows import Completion, Delivery, Export, Job, Resend, Result, Secrets
from shared.errors import Permanent, Problem
from shared.events import (
    Event,
    ExportFailed,
    ExportRequested,
    ImageCancelled,
    ImageEnhanced,
    ImageFailed,
    JobCompleted,
    JobSubmitted,
    SecretRotated,
    WebhookRequested,
)
from shared.outcome import Handler, Outcome, Service


async def on_job_submitted(event: JobSubmitted, _ports: Ports) -> Outcome:
    """Remember the job, whom to call when it ends, and what signs the call."""
    return Outcome(record=[rows.job_of(event), *rows.secrets_of(event)])


async def on_image_enhanced(event: ImageEnhanced, _ports: Ports) -> Outcome:
    """Remember a success."""
    return Outcome(record=[rows.result_of_enhanced(event)])


async def on_image_failed(event: ImageFailed, _ports: Ports) -> Outcome:
    """Remember a failure."""
    return Outcome(record=[rows.result_of_failed(event)])


async def on_image_cancelled(event: ImageCancelled, _ports: Ports) -> Outcome:
    """Remember images that never ran."""
    return Outcome(record=list(rows.results_of_cancelled(event)))


async def on_job_completed(event: JobCompleted, ports: Ports) -> Outcome:
    """Call back, once all results of the run are here."""
    job, tally = await ports.records.job(event.job_id)
    age_seconds = (datetime.now(UTC) - event.completed_at).total_seconds()
    if reason := domain.why_not_settled(event, job, tally, age_seconds):
        raise ports.patience.not_yet(event.job_id, event.run, reason)
    assert job is not None
    delivery = domain.delivery_of(event, job)
    return Outcome(record=[Completion(event.job_id, event.run), *([delivery] if delivery else [])])


async def on_webhook_requested(event: WebhookRequested, _ports: Ports) -> Outcome:
    """Send a job's message again: the same message, so under the same id."""
    return Outcome(record=[Resend(event.delivery_id, event.account_id, event.job_id)])


async def on_secret_rotated(event: SecretRotated, _ports: Ports) -> Outcome:
    """Sign with the new secrets from now on."""
    return Outcome(record=[Secrets(event.account_id, event.version, " ".join(event.secrets_sealed))])


async def on_export_requested(event: ExportRequested, ports: Ports) -> Outcome:
    """Build the file, once all its results are here."""
    if await ports.records.has_export(event.export_id):
        return Outcome()
    if event.images_total > ports.export_rows_max:
        raise Permanent("too_many_rows", f"A file holds at most {ports.export_rows_max:,} results.")
    job, tally = await ports.records.job(event.job_id)
    if reason := domain.why_not_covered(event, job, tally):
        raise ports.patience.not_yet(event.export_id, event.run, reason)
    with ports.blobs.staged() as path:
        options = Options(ports.read_blob, event.layout, with_problems=tally.succeeded < tally.total)
        written = await FORMATS[event.format].write(ports.records.pages(event.job_id), path, options)
        digest, size_bytes = await asyncio.to_thread(_measure, path)
        await ports.blobs.keep(path, digest)
    return Outcome(record=[_export(event, digest, size_bytes, written.rows)])


def _measure(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _export(event: ExportRequested, digest: str, size_bytes: int, lines: int) -> Export:
    return Export(
        export_id=event.export_id,
        account_id=event.account_id,
        job_id=event.job_id,
        run=event.run,
        format=event.format,
        layout=event.layout,
        digest=digest,
        size_bytes=size_bytes,
        rows=lines,
    )


def gave_up(event: Event, problem: Problem, _attempts: int) -> Outcome | None:
    """Somebody waits for an export; any other event stays among the dead letters."""
    if not isinstance(event, ExportRequested):
        return None
    failed = ExportFailed(
        export_id=event.export_id, job_id=event.job_id, problem=problem.problem, detail=problem.detail
    )
    return Outcome(emit=[failed])


HANDLERS: dict[type[Event], Handler] = {
    JobSubmitted: on_job_submitted,
    ImageEnhanced: on_image_enhanced,
    ImageFailed: on_image_failed,
    ImageCancelled: on_image_cancelled,
    JobCompleted: on_job_completed,
    ExportRequested: on_export_requested,
    WebhookRequested: on_webhook_requested,
    SecretRotated: on_secret_rotated,
}

SERVICE = Service(
    "exporter",
    HANDLERS,
    {
        Job: store.upsert_jobs,
        Secrets: store.upsert_secrets,
        Result: store.upsert_results,
        Completion: store.mark_completed,
        Delivery: deliveries.insert_deliveries,
        Resend: deliveries.insert_resends,
        Export: store.insert_exports,
    },
    gave_up,
)
