"""Builders of the events that the exporter hears, and the way they reach its tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.exporter.handlers import SERVICE
from services.exporter.ports import Ports
from shared.db import Database
from shared.envelope import new_id
from shared.events import (
    Event,
    ExportRequested,
    ImageCancelled,
    ImageEnhanced,
    ImageFailed,
    JobCompleted,
    JobSubmitted,
    WebhookRequested,
)
from shared.facts import Blob, FileFormat, JobKind, Label, Recipe, Source, StoppedImage, Timeline, Webhook

COMPLETED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Job:
    """A job of some account with products of `item_size` images each."""

    images_total: int = 1
    item_size: int = 1
    kind: JobKind = "products"
    webhook: Webhook | None = None
    account_id: str = field(default_factory=lambda: f"account-{uuid4()}")
    job_id: UUID = field(default_factory=new_id)
    image_ids: tuple[UUID, ...] = ()

    def __post_init__(self) -> None:
        if not self.image_ids:
            object.__setattr__(self, "image_ids", tuple(new_id() for _ in range(self.images_total)))

    def submitted(self, run: int = 1) -> JobSubmitted:
        """The run was accepted."""
        recipe = Recipe(operation="copy")
        return JobSubmitted(**self._facts(run), images_total=self.images_total, recipe=recipe, webhook=self.webhook)

    def enhanced(self, seq: int = 0, run: int = 1, blob: Blob | None = None) -> ImageEnhanced:
        """An image succeeded."""
        rendition = blob or Blob(digest=f"{seq:064x}", size_bytes=300, format="jpeg", width=8, height=6)
        original = rendition.model_copy(update={"size_bytes": 2_000})
        return ImageEnhanced(**self._image(seq, run), original=original, rendition=rendition)

    def failed(self, seq: int = 0, run: int = 1, problem: str = "http_404") -> ImageFailed:
        """An image failed."""
        return ImageFailed(**self._image(seq, run), stage="fetch", problem=problem, detail="The host said no.")

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
            "timeline": Timeline(requested_at=COMPLETED_AT, fetch_attempts=2),
        }

    def _label(self, seq: int) -> Label:
        item, position = divmod(seq, self.item_size)
        key, name = str(item + 101), f"Chair {item + 1}"
        return Label(item=item + 1, key=key, name=name, position=position, size=self.item_size)

    def _source(self, seq: int) -> Source:
        return Source(url=f"https://origin.example/{seq}.jpg")


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
