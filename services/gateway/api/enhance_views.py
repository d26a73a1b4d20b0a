"""How enhancements that were asked for read at the albums door."""

from typing import Any

from pydantic import BaseModel, Field

from services.gateway.deciding import Enhancement
from services.gateway.enhancing import Estimate

IMAGE_ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
JOB_ID = "01a1fc41-0b1e-7d50-8f7e-2b1f6a3c9d10"
ALBUM_BATCH = "album-01a1fc3f-5d0c-7c11-9d5e-6f2a51c0de01-1795233456691"


class QueuedImage(BaseModel):
    """An image that will be enhanced."""

    imageId: str = Field(examples=[IMAGE_ID])
    jobId: str = Field(description="the batch's id, which names all of them at /api/jobs", examples=[ALBUM_BATCH])


class AlbumEnhanced(BaseModel):
    """What becomes of an album's images."""

    success: bool = Field(examples=[True])
    totalImages: int = Field(examples=[10])
    skipped: int = Field(description="enhanced at this tier already, or about to be", examples=[3])
    queued: int = Field(examples=[7])
    totalCost: int = Field(description="in tokens, given back for images that do not succeed", examples=[35])
    newBalance: int = Field(description="what is available now", examples=[65])
    jobs: list[QueuedImage]
    dryRun: bool | None = Field(None, description="only when asked what it would cost: nothing was charged")
    sufficient: bool | None = Field(None, description="then: whether the balance is enough")


class ImageEnhanced(BaseModel):
    """What becomes of an image."""

    success: bool = Field(examples=[True])
    jobId: str = Field(examples=[JOB_ID])
    tokenCost: int = Field(description="0: it was being enhanced at this tier already", examples=[5])
    newBalance: int = Field(examples=[95])


class BatchSummary(BaseModel):
    """A batch in figures."""

    total: int = Field(examples=[2])
    queued: int = Field(examples=[2])
    skipped: int = Field(description="being enhanced at this tier already", examples=[0])
    totalCost: int = Field(examples=[10])
    newBalance: int = Field(examples=[90])


class BatchJob(BaseModel):
    """An image of a batch, with the job that is its own."""

    imageId: str = Field(examples=[IMAGE_ID])
    jobId: str = Field(examples=[JOB_ID])


class BatchEnhanced(BaseModel):
    """What becomes of several images."""

    success: bool = Field(examples=[True])
    batchId: str | None = Field(description="null when nothing was to be done", examples=["batch-1795233456691"])
    summary: BatchSummary
    jobs: list[BatchJob]


class AlbumTooLarge(BaseModel):
    """Why an album's images are not enhanced all at once; the figures only where there are too many."""

    error: str = Field(examples=["Invalid tier"])
    totalImages: int | None = Field(None, examples=[21])
    toEnhance: int | None = Field(None, examples=[21])
    maxBatchSize: int | None = Field(None, examples=[20])


class InsufficientTokens(BaseModel):
    """The account cannot pay; nothing has changed."""

    error: str = Field(examples=["Insufficient tokens"])
    required: int = Field(examples=[50])
    toEnhance: int = Field(examples=[10])


def album_enhanced(found: Enhancement) -> dict[str, Any]:
    """The body of POST /api/albums/{id}/enhance."""
    return {
        "success": True,
        "totalImages": found.total,
        "skipped": found.skipped,
        "queued": found.total - found.skipped,
        "totalCost": found.cost,
        "newBalance": found.new_balance,
        "jobs": [{"imageId": unit.upload_id, "jobId": found.batch_id} for unit in found.units],
    }


def album_estimated(found: Estimate) -> dict[str, Any]:
    """The same with `dry_run`."""
    return {
        "success": True,
        "totalImages": found.total,
        "skipped": found.total - found.to_enhance,
        "queued": found.to_enhance,
        "totalCost": found.cost,
        "newBalance": found.available,
        "jobs": [],
        "dryRun": True,
        "sufficient": found.cost <= found.available,
    }


def image_enhanced(found: Enhancement) -> dict[str, Any]:
    """The body of POST /api/images/enhance."""
    (unit,) = found.units or found.running
    return {"success": True, "jobId": unit.image_id, "tokenCost": found.cost, "newBalance": found.new_balance}


def batch_enhanced(found: Enhancement) -> dict[str, Any]:
    """The body of POST /api/images/batch-enhance."""
    return {
        "success": True,
        "batchId": found.batch_id,
        "summary": {
            "total": found.total,
            "queued": found.total - found.skipped,
            "skipped": found.skipped,
            "totalCost": found.cost,
            "newBalance": found.new_balance,
        },
        "jobs": [{"imageId": unit.upload_id, "jobId": unit.image_id} for unit in found.units],
    }
