"""How the albums door's jobs read: one of them, a batch of them, and news of either."""

from typing import Any

from pydantic import BaseModel, Field

from services.gateway.album_jobs import Named
from services.gateway.album_states import AlbumStatus, status_of
from services.gateway.api.image_views import ENHANCED, ORIGINAL, TIME, enhanced_url, enhancement_view, original_url
from shared.db import Row

JOB_ID = "01a1fc41-0b1e-7d50-8f7e-2b1f6a3c9d10"
BATCH_ID = "album-01a1fc3f-5d0c-7c11-9d5e-6f2a51c0de01-1795233456691"
STAGE = "GENERATING"
"""The stage that is told while a job is processed: what takes the time."""


class JobImage(BaseModel):
    """The image that a job enhances; without addresses once it is deleted."""

    id: str = Field(examples=["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"])
    name: str = Field(examples=["beach.jpg"])
    originalUrl: str | None = Field(examples=[ORIGINAL])
    originalWidth: int | None = Field(examples=[3000])
    originalHeight: int | None = Field(examples=[2000])


class JobView(BaseModel):
    """One image's enhancement."""

    id: str = Field(examples=[JOB_ID])
    batchId: str = Field(description="names all that were asked for together", examples=[BATCH_ID])
    status: AlbumStatus
    currentStage: str | None = Field(examples=[STAGE])
    tier: str = Field(examples=["TIER_1K"])
    tokensCost: int = Field(examples=[2])
    enhancedUrl: str | None = Field(examples=[ENHANCED])
    enhancedWidth: int | None = Field(examples=[1024])
    enhancedHeight: int | None = Field(examples=[683])
    enhancedSizeBytes: int | None = Field(examples=[310_402])
    errorMessage: str | None
    createdAt: str = Field(examples=[TIME])
    processingStartedAt: str | None = Field(examples=[TIME])
    processingCompletedAt: str | None = Field(examples=[TIME])
    image: JobImage


class BatchView(BaseModel):
    """All that were asked for together, in their order."""

    id: str = Field(examples=[BATCH_ID])
    status: AlbumStatus = Field(description="COMPLETED when anything succeeded and nothing is to come")
    jobs: list[JobView]


class JobDeleted(BaseModel):
    """A job was deleted."""

    success: bool = Field(examples=[True])
    message: str = Field(examples=["Job deleted successfully"])


class JobCancelled(BaseModel):
    """A job, or what was left of a batch, was cancelled."""

    success: bool = Field(examples=[True])
    job: JobView | BatchView
    tokensRefunded: int = Field(examples=[2])
    newBalance: int = Field(examples=[100])


class JobStatus(BaseModel):
    """Where a job is."""

    id: str = Field(examples=[JOB_ID])
    status: AlbumStatus
    errorMessage: str | None


class JobStatuses(BaseModel):
    """Where jobs are, in the order in which they were asked for; those that are unknown are left out."""

    jobs: list[JobStatus]


class TooManyStreams(BaseModel):
    """Why no further stream is opened."""

    error: str = Field(examples=["Too many open streams"])
    message: str = Field(examples=["At most 5 may be open at once"])


def job_view(row: Row, public_url: str) -> dict[str, Any]:
    """One job, from a row of `list_named`."""
    is_there = not row["upload_gone"]
    return {
        **enhancement_view(row, public_url),
        "batchId": row["reference"] or str(row["job_id"]),
        "currentStage": _stage(status_of(row)),
        "image": {
            "id": str(row["upload_id"]),
            "name": row["name"],
            "originalUrl": original_url(public_url, row["upload_id"]) if is_there else None,
            "originalWidth": row["original_width"],
            "originalHeight": row["original_height"],
        },
    }


def named_view(named: Named, public_url: str) -> dict[str, Any]:
    """What an id names: a job without more ado, or a batch."""
    views = [job_view(row, public_url) for row in named.rows]
    return {"id": named.id, "status": named.status, "jobs": views} if named.is_batch else views[0]


def status_view(asked: str, named: Named) -> dict[str, Any]:
    """A line of POST /api/jobs/batch-status, under the id that was asked for."""
    return {"id": asked, "status": named.status, "errorMessage": _error(named)}


def news_view(named: Named, public_url: str) -> dict[str, Any]:
    """A message of the stream; a batch has no picture of its own."""
    row = named.rows[0]
    has_picture = not named.is_batch and named.status == "COMPLETED"
    return {
        "type": "status",
        "status": named.status,
        "currentStage": _stage(named.status),
        "enhancedUrl": enhanced_url(public_url, row["image_id"]) if has_picture else None,
        "enhancedWidth": row["width"] if has_picture else None,
        "enhancedHeight": row["height"] if has_picture else None,
        "errorMessage": _error(named),
    }


def _stage(status: AlbumStatus) -> str | None:
    return STAGE if status == "PROCESSING" else None


def _error(named: Named) -> str | None:
    """The first reason for a failure."""
    failed = [row["detail"] or row["problem"] for row in named.rows if row["state"] == "failed"]
    return failed[0] if failed and named.status == "FAILED" else None
