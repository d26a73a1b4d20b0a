"""The events about what leaves, files and webhook messages: a part of shared/events.py, which names them all."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.facts import Event, FileFormat
from shared.reports import ReportFilters, ReportSection, ReportSort


class ExportRequested(Event):
    """Somebody wants a job's results as a file."""

    type: ClassVar[str] = "export.requested.v1"
    account_id: str
    export_id: UUID
    job_id: UUID
    run: int
    format: FileFormat
    layout: Literal["standard", "legacy"] = "standard"
    images_total: int = Field(description="how many results the file must cover")


class ReportRequested(Event):
    """Somebody wants results of batches, filtered, as a file. ExportCompleted or ExportFailed follows.

    `bundled`: one file per section in a ZIP, with a summary; else in one file: by time the
    sections' rows follow one another, in any other order they mix.
    """

    type: ClassVar[str] = "report.requested.v1"
    account_id: str
    export_id: UUID
    format: Literal["csv", "json", "xlsx"]
    bundled: bool = False
    metadata: bool = True
    sections: tuple[ReportSection, ...]
    missing: tuple[str, ...] = Field((), description="ids in a bundle that the account has no batch of")
    filters: ReportFilters = Field(default_factory=ReportFilters)
    sort: ReportSort = Field(default_factory=ReportSort)
    limit: int | None = Field(None, description="rows; None: as many as an export may have")
    requested_at: datetime


class ExportCompleted(Event):
    """The file is in the blob store."""

    type: ClassVar[str] = "export.completed.v1"
    export_id: UUID
    job_id: UUID | None = Field(None, description="None: of a report, that may be about many jobs")
    digest: str
    size_bytes: int
    rows: int


class ExportFailed(Event):
    """The file cannot be made, and why."""

    type: ClassVar[str] = "export.failed.v1"
    export_id: UUID
    job_id: UUID | None = None
    problem: str
    detail: str = ""


class WebhookEvent(Event):
    """What every event about a webhook message carries: its latest attempt."""

    account_id: str
    job_id: UUID
    delivery_id: UUID
    message_id: str
    url: str
    attempt: int
    attempted_at: datetime
    status: int | None = None
    problem: str | None = None
    detail: str = ""


class WebhookRequested(Event):
    """Somebody wants a job's webhook sent again."""

    type: ClassVar[str] = "webhook.requested.v1"
    account_id: str
    job_id: UUID
    delivery_id: UUID


class WebhookDelivered(WebhookEvent):
    """The receiver took the message."""

    type: ClassVar[str] = "webhook.delivered.v1"


class WebhookRefused(WebhookEvent):
    """An attempt failed; the next one is due at `next_attempt_at`."""

    type: ClassVar[str] = "webhook.refused.v1"
    next_attempt_at: datetime


class WebhookAbandoned(WebhookEvent):
    """The message will not be tried again by itself."""

    type: ClassVar[str] = "webhook.abandoned.v1"


class SecretRotated(Event):
    """An account signs its webhooks with these secrets from now on (sealed; the newest first)."""

    type: ClassVar[str] = "secret.rotated.v1"
    account_id: str
    version: int
    secrets_sealed: tuple[str, ...]
