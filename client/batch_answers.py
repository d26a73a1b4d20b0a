"""What the gateway is told of batches and what it answers, as far as the command line reads it."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from client.answers import HttpDate, ImageCounts

ENDED = ("completed", "failed", "cancelled")

BatchStatus = Literal["pending", "queued", "processing", "paused", "completed", "failed", "cancelled"]
ExportFormat = Literal["csv", "json", "xlsx"]
Provider = Literal["auto", "local", "google_vision", "gemini"]


class BatchOptions(BaseModel):
    """How a CSV's images are analysed; what is None is left to the gateway."""

    batch_name: str | None = None
    provider: Provider | None = None
    operation: Literal["analyze", "copy"] | None = None
    auto_start: bool = True
    webhook_url: str | None = None

    def fields(self) -> dict[str, str]:
        """As form fields."""
        said = self.model_dump(exclude_none=True)
        return {name: str(value).lower() if value in (True, False) else str(value) for name, value in said.items()}


class Created(BaseModel):
    """A batch that was made, or found again by its Idempotency-Key."""

    batch_id: str
    batch_name: str
    total_urls: int
    total_chunks: int
    status: str
    auto_start_error: str | None = None
    answered_at: HttpDate = None


class Progress(BaseModel):
    """How far a batch is; ended is also one that was cancelled."""

    batch_id: str
    status: BatchStatus
    total_urls: int
    processed_count: int
    successful_count: int
    failed_count: int
    estimated_completion: datetime | None = None
    processing_rate_per_minute: float = 0.0

    @property
    def images(self) -> ImageCounts:
        """The same in the words of every progress bar."""
        return ImageCounts(
            total=self.total_urls,
            completed=self.successful_count,
            failed=self.failed_count,
            pending=self.total_urls - self.processed_count,
        )

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status in ENDED


class Batch(Progress):
    """A batch with its name and times."""

    batch_name: str
    description: str | None = None
    success_rate: float
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    original_filename: str | None = None
    error_message: str | None = None
    operation: str = "analyze"
    provider: str = "auto"


class ErrorCount(BaseModel):
    """How often one problem came up, and its share of all failures in percent."""

    error_type: str
    count: int
    percentage: float


class Analysis(BaseModel):
    """What went wrong in a batch."""

    total_errors: int
    top_errors: list[ErrorCount]
    recommendations: list[str]


def format_of(file: Path, format: ExportFormat | None) -> ExportFormat:
    """What was asked for, else what the file's name says, else csv."""
    named: dict[str, ExportFormat] = {".json": "json", ".xlsx": "xlsx"}
    return format or named.get(file.suffix.lower(), "csv")
