"""How uploaded images, and what was made of them, read at the albums door."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.gateway.album_states import AlbumStatus, status_of
from services.gateway.api.product_views import time_text
from services.gateway.store.uploads import NewUpload
from shared.db import Row

ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
TIME = "2026-11-21T03:57:36.691Z"
ORIGINAL = f"http://localhost:8000/api/images/{ID}/original"
ENHANCED = f"http://localhost:8000/api/jobs/{ID}/image"


class EnhancementView(BaseModel):
    """One enhancement of an image."""

    id: str = Field(examples=[ID])
    tier: str = Field(examples=["TIER_1K"])
    status: AlbumStatus
    tokensCost: int = Field(examples=[2])
    enhancedUrl: str | None = Field(examples=[ENHANCED])
    enhancedWidth: int | None = Field(examples=[1024])
    enhancedHeight: int | None = Field(examples=[683])
    enhancedSizeBytes: int | None = Field(examples=[310_402])
    errorMessage: str | None
    createdAt: str = Field(examples=[TIME])
    processingStartedAt: str | None = Field(examples=[TIME])
    processingCompletedAt: str | None = Field(examples=[TIME])


class ImageView(BaseModel):
    """An uploaded image with its enhancements, the newest first."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["beach.jpg"])
    description: str | None
    originalUrl: str = Field(examples=[ORIGINAL])
    originalWidth: int = Field(description="in pixels, as seen upright", examples=[3000])
    originalHeight: int = Field(examples=[2000])
    originalSizeBytes: int = Field(examples=[1_204_233])
    originalFormat: str = Field(examples=["jpeg"])
    isPublic: bool = Field(description="whether an album that is not private holds it")
    createdAt: str = Field(examples=[TIME])
    updatedAt: str = Field(description="as createdAt: images never change", examples=[TIME])
    jobs: list[EnhancementView]


class ImageFound(BaseModel):
    """An image."""

    success: bool = Field(examples=[True])
    image: ImageView


class VersionView(BaseModel):
    """An enhancement that succeeded."""

    jobId: str = Field(examples=[ID])
    tier: str = Field(examples=["TIER_1K"])
    status: AlbumStatus = Field(examples=["COMPLETED"])
    resultUrl: str = Field(examples=[ENHANCED])
    tokensSpent: int = Field(examples=[2])
    createdAt: str = Field(examples=[TIME])
    processingTimeMs: int | None = Field(examples=[1_530])
    width: int = Field(examples=[1024])
    height: int = Field(examples=[683])
    sizeBytes: int = Field(examples=[310_402])


class VersionsView(BaseModel):
    """An image's enhancements that succeeded, the oldest first."""

    success: bool = Field(examples=[True])
    imageId: str = Field(examples=[ID])
    imageName: str = Field(examples=["beach.jpg"])
    originalUrl: str = Field(examples=[ORIGINAL])
    versions: list[VersionView]


class ImageDeleted(BaseModel):
    """An image was deleted."""

    success: bool = Field(examples=[True])
    message: str = Field(examples=["Image deleted successfully"])


class UploadedImage(BaseModel):
    """An image that was uploaded."""

    id: str = Field(examples=[ID])
    name: str = Field(examples=["beach.jpg"])
    url: str = Field(examples=[ORIGINAL])
    width: int = Field(description="in pixels, as seen upright", examples=[3000])
    height: int = Field(examples=[2000])
    size: int = Field(description="in bytes", examples=[1_204_233])
    format: str = Field(examples=["jpeg"])


class EnhancementBegun(BaseModel):
    """The enhancement of an image that was uploaded with `enhance=true`."""

    jobId: str = Field(examples=[ID])
    tier: str = Field(examples=["TIER_1K"])
    tokenCost: int = Field(examples=[2])
    newBalance: int = Field(examples=[98])


class ImageUploaded(BaseModel):
    """An image was uploaded."""

    success: bool = Field(examples=[True])
    image: UploadedImage
    enhancement: EnhancementBegun | None


class FileResult(BaseModel):
    """What became of one file of a batch."""

    success: bool
    filename: str = Field(examples=["beach.jpg"])
    imageId: str | None = Field(None, examples=[ID])
    url: str | None = Field(None, examples=[ORIGINAL])
    width: int | None = Field(None, examples=[3000])
    height: int | None = Field(None, examples=[2000])
    size: int | None = Field(None, examples=[1_204_233])
    format: str | None = Field(None, examples=["jpeg"])
    error: str | None = Field(None, examples=["The file is larger than 10.4858 MB."])
    errorType: str | None = Field(None, examples=["FILE_TOO_LARGE"])


class BatchSummary(BaseModel):
    """How many files of a batch became images."""

    total: int = Field(examples=[2])
    successful: int = Field(examples=[1])
    failed: int = Field(examples=[1])


class BatchUploaded(BaseModel):
    """A batch was uploaded; `success` when at least one file became an image."""

    success: bool
    results: list[FileResult]
    summary: BatchSummary


def original_url(public_url: str, upload_id: UUID) -> str:
    """Where an uploaded image is served, as it came."""
    return f"{public_url}/api/images/{upload_id}/original"


def enhanced_url(public_url: str, image_id: UUID) -> str:
    """Where what a door's job has made is served."""
    return f"{public_url}/api/jobs/{image_id}/image"


def enhancement_view(row: Row, public_url: str) -> dict[str, Any]:
    """One enhancement, from a row of `list_enhancements`."""
    status = status_of(row)
    is_completed = status == "COMPLETED"
    return {
        "id": str(row["image_id"]),
        "tier": row["tier"],
        "status": status,
        "tokensCost": row["price_tokens"],
        "enhancedUrl": enhanced_url(public_url, row["image_id"]) if is_completed else None,
        "enhancedWidth": row["width"] if is_completed else None,
        "enhancedHeight": row["height"] if is_completed else None,
        "enhancedSizeBytes": row["rendition_bytes"] if is_completed else None,
        "errorMessage": (row["detail"] or row["problem"]) if status == "FAILED" else None,
        "createdAt": time_text(row["job_created_at"]),
        "processingStartedAt": time_text(row["requested_at"]) if row["requested_at"] else None,
        "processingCompletedAt": time_text(row["ended_at"]) if row["ended_at"] else None,
    }


def image_view(upload: Row, enhancements: Sequence[Row], public_url: str) -> dict[str, Any]:
    """The body of GET /api/images/{id}."""
    created = time_text(upload["created_at"])
    image = {
        "id": str(upload["upload_id"]),
        "name": upload["name"],
        "description": upload["description"],
        "originalUrl": original_url(public_url, upload["upload_id"]),
        "originalWidth": upload["width"],
        "originalHeight": upload["height"],
        "originalSizeBytes": upload["size_bytes"],
        "originalFormat": upload["format"],
        "isPublic": upload["shared"],
        "createdAt": created,
        "updatedAt": created,
        "jobs": [enhancement_view(row, public_url) for row in enhancements],
    }
    return {"success": True, "image": image}


def versions_view(upload: Row, enhancements: Sequence[Row], public_url: str) -> dict[str, Any]:
    """The body of GET /api/images/{id}/versions, from enhancements with the newest first."""
    completed = [row for row in reversed(enhancements) if row["state"] == "succeeded"]
    return {
        "success": True,
        "imageId": str(upload["upload_id"]),
        "imageName": upload["name"],
        "originalUrl": original_url(public_url, upload["upload_id"]),
        "versions": [_version(row, public_url) for row in completed],
    }


def _version(row: Row, public_url: str) -> dict[str, Any]:
    known = row["requested_at"] is not None and row["ended_at"] is not None
    return {
        "jobId": str(row["image_id"]),
        "tier": row["tier"],
        "status": status_of(row),
        "resultUrl": enhanced_url(public_url, row["image_id"]),
        "tokensSpent": row["price_tokens"],
        "createdAt": time_text(row["job_created_at"]),
        "processingTimeMs": (row["ended_at"] - row["requested_at"]) // timedelta(milliseconds=1) if known else None,
        "width": row["width"],
        "height": row["height"],
        "sizeBytes": row["rendition_bytes"],
    }


def uploaded_image(upload: NewUpload, public_url: str) -> dict[str, Any]:
    """An upload in the answer to POST /api/images/upload."""
    return {"id": str(upload.upload_id), "name": upload.name, **_facts(upload, public_url)}


def accepted_file(upload: NewUpload, public_url: str) -> dict[str, Any]:
    """A file of a batch that became an image."""
    return {
        "success": True,
        "filename": upload.name,
        "imageId": str(upload.upload_id),
        **_facts(upload, public_url),
    }


def _facts(upload: NewUpload, public_url: str) -> dict[str, Any]:
    return {
        "url": original_url(public_url, upload.upload_id),
        "width": upload.width,
        "height": upload.height,
        "size": upload.size_bytes,
        "format": upload.format,
    }
