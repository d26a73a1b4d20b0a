"""What a report is about: which batches, which of their results, in which order. Parts of events."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.facts import Fact

SortedBy = Literal["created_at", "success", "store_image", "store_name", "processing_time_seconds"]


class ReportSection(Fact):
    """One batch: its name and state as they were when the report was asked for."""

    job_id: UUID
    name: str
    status: str
    results: int = Field(description="results that the batch had; the report waits until they are all here")
    run: int = 1
    run_results: int = Field(0, description="of those, results of `run` or a later one; the report waits for them too")
    created_at: datetime
    started_at: datetime | None = None


class ReportFilters(Fact):
    """Which results; None: either. Times are those when results were recorded, both ends included."""

    success: bool | None = None
    store_image: bool | None = None
    has_store_name: bool = False
    has_contact: bool = False
    store_name_contains: str | None = Field(None, description="in any case")
    from_time: datetime | None = None
    to_time: datetime | None = None


class ReportSort(Fact):
    """In which order; equal ones by the time they were recorded."""

    by: SortedBy = "created_at"
    descending: bool = False
