"""What the exporter does: remember how images end, then build files and send webhooks from that."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from services.exporter import batch_rows, clones, deletions, deliveries, domain, findings, reporting, rows, store
from services.exporter.batch_rows import Clone, Deletion, Finding
from services.exporter.formats import FORMATS, Options
from services.exporter.ports import Ports
from services.exporter.rows import Completion, Delivery, Export, Job, Resend, Result, Secrets
from shared.errors import Permanent, Problem
from shared.events import (
    Event,
    ExportFailed,
    ExportRequested,
    ImageAnalyzed,
    ImageCancelled,
    ImageEnhanced,
    ImageFailed,
    JobCloned,
    JobCompleted,
    JobDeleted,
    JobSubmitted,
    ReportRequested,
    SecretRotated,
    WebhookRequested,
)
from shared.outcome import Handler, Outcome, Service


async def on_job_submitted(event: JobSubmitted, _ports: Ports) -> Outcome:
    """Remember the job, whom to call when it ends, and what signs the call."""
    return Outcome(record=[rows.job_of(event), *rows.secrets_of(event)])


async def on_image_enhanced(event: ImageEnhanced, _ports: Ports) -> Outcome:
    """Remember a success."""
    return Outcome(record=[rows.result_of_enhanced(event), *batch_rows.findings_of_enhanced(event)])


async def on_image_analyzed(event: ImageAnalyzed, _ports: Ports) -> Outcome:
    """Remember a success, and what the image shows."""
    return Outcome(record=[rows.result_of_analyzed(event), *batch_rows.findings_of_analyzed(event)])


async def on_image_failed(event: ImageFailed, _ports: Ports) -> Outcome:
    """Remember a failure."""
    return Outcome(record=[rows.result_of_failed(event), *batch_rows.findings_of_failed(event)])


async def on_image_cancelled(event: ImageCancelled, _ports: Ports) -> Outcome:
    """Remember images that never ran."""
    return Outcome(record=list(rows.results_of_cancelled(event)))


async def on_job_cloned(event: JobCloned, _ports: Ports) -> Outcome:
    """Have what is known of the original's images taken over, portion by portion."""
    return Outcome(record=[batch_rows.clone_of(event)])


async def on_job_deleted(event: JobDeleted, _ports: Ports) -> Outcome:
    """Have everything of the job swept away, portion by portion."""
    return Outcome(record=[batch_rows.deletion_of(event)])


async def on_job_completed(event: JobCompleted, ports: Ports) -> Outcome:
    """Call back, once all results of the run are here; of a job that is gone nobody is told any more."""
    if await ports.records.is_deleted(event.job_id):
        return Outcome()
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
    if await ports.records.is_deleted(event.job_id):
        raise Permanent("job_deleted", "The job was deleted.")
    job, tally = await ports.records.job(event.job_id)
    if reason := domain.why_not_covered(event, job, tally):
        raise ports.patience.not_yet(event.export_id, event.run, reason)
    with ports.blobs.staged() as path:
        options = Options(ports.read_blob, event.layout, with_problems=tally.succeeded < tally.total)
        written = await FORMATS[event.format].write(ports.records.pages(event.job_id), path, options)
        digest, size_bytes = await asyncio.to_thread(_measure, path)
        await ports.blobs.keep(path, digest)
    return Outcome(record=[_export(event, digest, size_bytes, written.rows)])


async def on_report_requested(event: ReportRequested, ports: Ports) -> Outcome:
    """Build a report, once all results that it tells of are here."""
    if await ports.records.has_export(event.export_id):
        return Outcome()
    known = await ports.reports.know(event)
    if reason := reporting.why_not_told(event, known, datetime.now(UTC)):
        raise ports.patience.not_yet(event.export_id, 0, reason)
    with ports.blobs.staged() as path:
        lines = await ports.reports.write(event, known, path)
        digest, size_bytes = await asyncio.to_thread(_measure, path)
        await ports.blobs.keep(path, digest)
    layout = "bundle" if event.bundled else "report"
    report = Export(event.export_id, event.account_id, None, None, event.format, layout, digest, size_bytes, lines)
    return Outcome(record=[report])


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
    """Somebody waits for a file; any other event stays among the dead letters."""
    if not isinstance(event, ExportRequested | ReportRequested):
        return None
    job_id = event.job_id if isinstance(event, ExportRequested) else None
    failed = ExportFailed(export_id=event.export_id, job_id=job_id, problem=problem.problem, detail=problem.detail)
    return Outcome(emit=[failed])


HANDLERS: dict[type[Event], Handler] = {
    JobSubmitted: on_job_submitted,
    JobCloned: on_job_cloned,
    JobDeleted: on_job_deleted,
    ImageEnhanced: on_image_enhanced,
    ImageAnalyzed: on_image_analyzed,
    ImageFailed: on_image_failed,
    ImageCancelled: on_image_cancelled,
    JobCompleted: on_job_completed,
    ExportRequested: on_export_requested,
    ReportRequested: on_report_requested,
    WebhookRequested: on_webhook_requested,
    SecretRotated: on_secret_rotated,
}

SERVICE = Service(
    "exporter",
    HANDLERS,
    {
        Deletion: deletions.insert_deletions,
        Clone: clones.insert_clones,
        Job: store.upsert_jobs,
        Secrets: store.upsert_secrets,
        Result: store.upsert_results,
        Finding: findings.upsert_findings,
        Completion: store.mark_completed,
        Delivery: deliveries.insert_deliveries,
        Resend: deliveries.insert_resends,
        Export: store.insert_exports,
    },
    gave_up,
)
