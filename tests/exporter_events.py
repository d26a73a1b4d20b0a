"""Builders of the events that the exporter hears, and the way they reach its tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.exporter.handlers import SERVICE
from services.exporter.ports import Ports
from shared.db import Database
from shared.envelope import new_id
from shared.events import (
    Event,
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
    ReportSection,
    WebhookRequested,
)
from shared.facts import Analysis, Blob, FileFormat, JobKind, Label, Recipe, Source, StoppedImage, Timeline, Webhook

COMPLETED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Job:
    """A job of some account with products of `item_size` images each; a batch's images carry texts by its columns."""

    images_total: int = 1
    item_size: int = 1
    kind: JobKind = "products"
    webhook: Webhook | None = None
    account_id: str = field(default_factory=lambda: f"account-{uuid4()}")
    job_id: UUID = field(default_factory=new_id)
    image_ids: tuple[UUID, ...] = ()
    name: str = ""
    columns: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.image_ids:
            object.__setattr__(self, "image_ids", tuple(new_id() for _ in range(self.images_total)))

    def submitted(self, run: int = 1) -> JobSubmitted:
        """The run was accepted."""
        recipe = Recipe(operation="copy")
        said = {"images_total": self.images_total, "recipe": recipe, "webhook": self.webhook, "columns": self.columns}
        return JobSubmitted.model_validate({**self._facts(run), **said, "name": self.name})

    def enhanced(self, seq: int = 0, run: int = 1, blob: Blob | None = None) -> ImageEnhanced:
        """An image succeeded."""
        rendition = blob or Blob(digest=f"{seq:064x}", size_bytes=300, format="jpeg", width=8, height=6)
        original = rendition.model_copy(update={"size_bytes": 2_000})
        ended_at = self.ended_at(seq, run)
        return ImageEnhanced(**self._image(seq, run), original=original, rendition=rendition, ended_at=ended_at)

    def analyzed(self, seq: int = 0, run: int = 1, **facts: Any) -> ImageAnalyzed:
        """An image was looked into; `facts` are those of its analysis, or of the event."""
        analysis = Analysis.model_validate({"text_content": f"text {seq}"} | facts)
        values = {
            **self._image(seq, run),
            "original": Blob(digest=f"{seq:064x}", size_bytes=2_000, format="jpeg", width=8, height=6),
            "analysis": analysis,
            "provider": "gemini",
            "model": "gemini-test",
            "key_hint": "x7Qa",
            "ended_at": self.ended_at(seq, run),
        }
        return ImageAnalyzed.model_validate(values | facts)

    def failed(self, seq: int = 0, run: int = 1, problem: str = "http_404", detail: str = "No.") -> ImageFailed:
        """An image failed."""
        image = self._image(seq, run)
        return ImageFailed(**image, stage="fetch", problem=problem, detail=detail, ended_at=self.ended_at(seq, run))

    def ended_at(self, seq: int, run: int = 1) -> datetime:
        """When an image ends: one a second, a run an hour."""
        return COMPLETED_AT + timedelta(hours=run - 1, seconds=seq)

    def cancelled(self, *seqs: int, run: int = 1) -> ImageCancelled:
        """Images will never run."""
        stopped = [
            StoppedImage(image_id=self.image_ids[seq], seq=seq, label=self._label(seq), source=self._source(seq))
            for seq in seqs
        ]
        return ImageCancelled(**self._facts(run), images=tuple(stopped))

    def completed(self, succeeded: int = 0, failed: int = 0, cancelled: int = 0, **facts: Any) -> JobCompleted:
        """The run has ended with these counts, now unless `completed_at` says otherwise."""
        items = self.images_total // self.item_size
        values = {
            **self._facts(facts.pop("run", 1)),
            "state": "completed",
            "images_total": self.images_total,
            "images_succeeded": succeeded,
            "images_failed": failed,
            "images_cancelled": cancelled,
            "items_total": items,
            "items_ended": items,
            "completed_at": datetime.now(UTC),
        }
        return JobCompleted.model_validate(values | facts)

    def export(self, format: FileFormat = "csv", run: int = 1, **facts: Any) -> ExportRequested:
        """Somebody wants the results."""
        values = {"export_id": new_id(), "images_total": self.images_total, "format": format}
        return ExportRequested.model_validate({**self._facts(run), **values, **facts})

    def cloned(self, original: "Job", results_copied: int, **facts: Any) -> JobCloned:
        """The job was made of another one's images."""
        values = {"account_id": self.account_id, "job_id": self.job_id, "original_id": original.job_id}
        return JobCloned.model_validate({**values, "results_copied": results_copied, **facts})

    def deleted(self) -> JobDeleted:
        """The job is gone."""
        return JobDeleted(account_id=self.account_id, job_id=self.job_id)

    def section(self, results: int | None = None, **facts: Any) -> ReportSection:
        """The job in a report, with as many results as it has images unless it is said."""
        return ReportSection(
            **facts,
            job_id=self.job_id,
            name=self.name,
            status="completed",
            results=self.images_total if results is None else results,
            created_at=COMPLETED_AT - timedelta(minutes=2),
            started_at=COMPLETED_AT - timedelta(minutes=1),
        )

    def resend(self, account_id: str | None = None) -> WebhookRequested:
        """Somebody wants the webhook again."""
        return WebhookRequested(account_id=account_id or self.account_id, job_id=self.job_id, delivery_id=new_id())

    def _facts(self, run: int) -> dict[str, Any]:
        return {"account_id": self.account_id, "job_id": self.job_id, "kind": self.kind, "run": run}

    def _image(self, seq: int, run: int) -> dict[str, Any]:
        return {
            **self._facts(run),
            "image_id": self.image_ids[seq],
            "seq": seq,
            "label": self._label(seq),
            "source": self._source(seq),
            "recipe": Recipe(operation="copy"),
            "timeline": Timeline(requested_at=COMPLETED_AT, fetch_attempts=2, fetch_seconds=0.5, enhance_seconds=0.25),
        }

    def _label(self, seq: int) -> Label:
        item, position = divmod(seq, self.item_size)
        key, name = str(item + 101), f"Chair {item + 1}"
        return Label(item=item + 1, key=key, name=name, position=position, size=self.item_size, carried=self.carried)

    def _source(self, seq: int) -> Source:
        return Source(url=f"https://origin.example/{seq}.jpg")


def report(*sections: Job | ReportSection, **facts: Any) -> ReportRequested:
    """Somebody wants results of batches, now; of one account, that of `facts` or of the first job."""
    accounts = [section.account_id for section in sections if isinstance(section, Job)]
    values = {
        "account_id": accounts[0] if accounts else "",
        "export_id": new_id(),
        "format": "csv",
        "sections": [section.section() if isinstance(section, Job) else section for section in sections],
        "requested_at": datetime.now(UTC),
    }
    return ReportRequested.model_validate(values | facts)


async def hear(database: Database, ports: Ports, *events: Event) -> list[Event]:
    """Handle the events and record the outcomes in one transaction, without an inbox; what follows from them."""
    outcomes = [await SERVICE.handlers[type(event)](event, ports) for event in events]
    recorded: Sequence[object] = [row for outcome in outcomes for row in outcome.record]
    following = [event for outcome in outcomes for event in outcome.emit]
    async with database.transaction() as connection:
        for kind, recorder in SERVICE.recorders.items():
            if rows := [row for row in recorded if type(row) is kind]:
                following += await recorder(connection, rows)
    return following
