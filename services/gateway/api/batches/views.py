"""How a batch reads: the door's words over its counters and times at a moment."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.gateway.api.batches.answers import written
from services.gateway.batches import states
from services.gateway.batches.creating import Created
from shared.db import Row

Json = dict[str, Any]


def created_view(created: Created) -> Json:
    """A batch as it was created."""
    view: Json = {
        "batch_id": str(created.job_id),
        "batch_name": created.name,
        "total_urls": created.images_total,
        "total_chunks": created.chunks_total,
        "chunk_size": created.chunk_size,
        "chunks_created": created.chunks_total,
        "status": "QUEUED" if created.started else "pending",
        "estimated_time_hours": states.estimated_hours(created.images_total),
    }
    if created.started is not None:
        view["auto_started"] = created.started
    if created.refusal:
        view["auto_start_error"] = created.refusal
    return view


def batch_view(batch: Row, now: datetime) -> Json:
    """A batch in a list."""
    recipe = json.loads(batch["recipe"])
    return {
        **_counts(batch),
        "batch_name": batch["name"],
        "description": batch["description"],
        "chunk_size": batch["chunk_size"],
        "cancelled_count": batch["images_cancelled"],
        "progress_percentage": states.progress_percentage(batch),
        "created_at": written(batch["created_at"]),
        "updated_at": written(batch["updated_at"]),
        "started_at": written(batch["started_at"]),
        "completed_at": written(batch["completed_at"]),
        "estimated_completion": written(states.estimated_completion(batch, now)),
        "processing_rate": round(states.rate_per_minute(batch, now), 2),
        "success_rate": round(states.success_percentage(batch), 2),
        "original_filename": batch["file_name"],
        "error_message": batch["note"],
        "retry_count": batch["retries"],
        "columns": list(batch["columns"]),
        "operation": recipe["operation"],
        "provider": recipe["provider"],
        "webhook_url": batch["webhook_url"],
        "is_soft_deleted": batch["hidden_at"] is not None,
        "deletion_date": written(batch["delete_at"]),
    }


def progress_view(batch: Row, now: datetime) -> Json:
    """How far a batch is."""
    return {
        **_counts(batch),
        "progress_percentage": round(states.progress_percentage(batch), 2),
        "estimated_completion": written(states.estimated_completion(batch, now)),
        "processing_rate_per_minute": round(states.rate_per_minute(batch, now), 2),
    }


def status_view(batch: Row, chunks: dict[str, int], failures: Sequence[Row], now: datetime) -> Json:
    """Where a batch is, flat and nested."""
    progress, info = progress_view(batch, now), batch_view(batch, now)
    success_rate = info["success_rate"]
    return {
        "batch_id": str(batch["job_id"]),
        "status": batch["status"],
        "created_at": info["created_at"],
        "updated_at": info["updated_at"],
        "total_files": batch["images_total"],
        "processed_files": progress["processed_count"],
        "progress_percentage": progress["progress_percentage"],
        "chunk_statistics": chunks,
        "processing_rate": progress["processing_rate_per_minute"],
        "estimated_completion": progress["estimated_completion"],
        "recent_errors": [error_view(row) for row in failures],
        "batch_info": info,
        "progress": progress,
        "timing": _timing(batch, now),
        "performance": {
            "processing_rate_per_minute": progress["processing_rate_per_minute"],
            "success_rate": success_rate,
            "success_rate_percentage": success_rate,
            "average_time_per_url": round(states.average_seconds(batch, now), 4),
        },
    }


def details_view(status: Json, batch: Row, results: Sequence[Row]) -> Json:
    """The same with the latest results."""
    return {
        **status,
        "batch_name": batch["name"],
        "description": batch["description"],
        "total_urls": batch["images_total"],
        "processed_count": states.processed(batch),
        "successful_count": batch["images_succeeded"],
        "recent_results": [result_view(row) for row in results],
    }


def error_view(row: Row) -> Json:
    """A failure among others."""
    return {
        "url": row["url"],
        "error_message": states.error_message(row["problem"], row["detail"]),
        "created_at": written(row["created_at"]),
    }


def result_view(row: Row) -> Json:
    """A result among others."""
    return {
        "result_id": str(row["image_id"]),
        "url": row["url"],
        "success": row["success"],
        "store_name": row["store_name"],
        "error_message": states.error_message(row["problem"], row["detail"]) if row["problem"] else None,
    }


def _counts(batch: Row) -> Json:
    return {
        "batch_id": str(batch["job_id"]),
        "status": batch["status"],
        "is_active": states.is_active(batch),
        "total_urls": batch["images_total"],
        "processed_count": states.processed(batch),
        "successful_count": batch["images_succeeded"],
        "failed_count": batch["images_failed"],
        "current_chunk": states.current_chunk(batch),
        "total_chunks": batch["chunks_total"],
    }


def _timing(batch: Row, now: datetime) -> Json:
    remaining = states.remaining_minutes(batch, now)
    return {
        "created_at": written(batch["created_at"]),
        "started_at": written(batch["started_at"]),
        "completed_at": written(batch["completed_at"]),
        "elapsed_time_minutes": round(states.elapsed_seconds(batch, now) / 60, 2),
        "estimated_completion": written(states.estimated_completion(batch, now)),
        "remaining_time_minutes": None if remaining is None else round(remaining, 2),
    }
