"""How a products job reads: the door's words and shapes over the projection's rows."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from services.gateway.domain import percentage
from shared.db import Row
from shared.pictures import extension_of

STATUS_MESSAGES = {
    "pending": "Processing queued, not yet started",
    "processing": "Processing in progress",
    "completed": "Processing completed successfully",
    "failed": "Processing failed",
}


class Accepted(BaseModel):
    """A request was accepted."""

    request_id: str = Field(examples=["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"])
    message: str = Field(examples=["CSV file uploaded successfully and processing has started"])
    status: str = Field(examples=["pending"])
    webhook_url: str | None = None


class ProgressView(BaseModel):
    """How many products have ended."""

    total_products: int
    processed_products: int
    percentage: float = Field(examples=[42.5])


class ImageCounts(BaseModel):
    """How many images are in which state."""

    total: int
    completed: int
    failed: int
    pending: int


class StatusView(BaseModel):
    """Where a request is."""

    request_id: str
    status: str = Field(description="pending, processing, completed or failed")
    progress: ProgressView
    message: str
    created_at: str = Field(examples=["2026-11-21T03:57:36.691Z"])
    updated_at: str
    images: ImageCounts
    problem: str | None = Field(
        None, description="why the request as a whole did not run", examples=["tokens_declined"]
    )


class ImageView(BaseModel):
    """One image of a product."""

    input_url: str
    output_url: str | None
    status: str
    problem: str | None
    detail: str | None
    attempts: int


class ProductView(BaseModel):
    """One product of a request."""

    serial_number: int
    product_name: str
    input_image_urls: list[str]
    output_image_urls: list[str] | None
    status: str
    images: list[ImageView]


class DetailsView(StatusView):
    """A request with all its products."""

    csv_filename: str
    total_products: int
    processed_products: int
    completion_percentage: float
    products: list[ProductView]


def time_text(moment: datetime) -> str:
    """UTC with Z, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status_of(job: Row) -> str:
    """The door's word for a job's state."""
    if job["state"] == "completed":
        return "completed"
    if job["state"] in ("failed", "cancelled"):
        return "failed"
    begun = job["next_seq"] or job["run"] > 1 or job["images_succeeded"]
    return "processing" if begun else "pending"


def status_view(job: Row) -> dict[str, Any]:
    """The body of GET /api/status."""
    status = status_of(job)
    failed = job["images_failed"] + job["images_cancelled"]
    return {
        "request_id": str(job["job_id"]),
        "status": status,
        "progress": {
            "total_products": job["items_total"],
            "processed_products": job["items_ended"],
            "percentage": percentage(job["items_ended"], job["items_total"]),
        },
        "message": STATUS_MESSAGES[status],
        "created_at": time_text(job["created_at"]),
        "updated_at": time_text(job["updated_at"]),
        "images": {
            "total": job["images_total"],
            "completed": job["images_succeeded"],
            "failed": failed,
            "pending": job["images_total"] - job["images_succeeded"] - failed,
        },
        "problem": job["problem"],
    }


def details_head(job: Row) -> dict[str, Any]:
    """The body of GET /api/details without its products."""
    return {
        **status_view(job),
        "csv_filename": job["file_name"],
        "total_products": job["items_total"],
        "processed_products": job["items_ended"],
        "completion_percentage": percentage(job["items_ended"], job["items_total"]),
    }


def product_view(rows: Sequence[Row], public_url: str) -> dict[str, Any]:
    """One product from the rows of its images, in their order."""
    images = [_image_view(row, public_url) for row in rows]
    first = rows[0]
    ended = all(image["status"] != "pending" for image in images)
    return {
        "serial_number": int(first["item_key"]),
        "product_name": first["item_name"],
        "input_image_urls": [image["input_url"] for image in images],
        "output_image_urls": [image["output_url"] or "" for image in images] if ended else None,
        "status": "completed" if ended else "pending",
        "images": images,
    }


def product_json(rows: Sequence[Row], public_url: str) -> str:
    """One product as JSON text."""
    return json.dumps(product_view(rows, public_url), ensure_ascii=False, separators=(",", ":"))


def image_name(row: Row) -> str:
    """The name that an output is served by."""
    return f"{row['image_id']}.{extension_of(row['format'])}"


def _image_view(row: Row, public_url: str) -> dict[str, Any]:
    succeeded = row["state"] == "succeeded"
    return {
        "input_url": row["source_url"],
        "output_url": f"{public_url}/api/image/{image_name(row)}" if succeeded else None,
        "status": "completed" if succeeded else row["state"],
        "problem": None if row["state"] == "pending" else row["problem"],
        "detail": None if row["state"] == "pending" else row["detail"],
        "attempts": row["attempts"],
    }
