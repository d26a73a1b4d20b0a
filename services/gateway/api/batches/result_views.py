"""How results of batches read, one by one."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from services.gateway.api.batches.answers import written
from shared.db import Row

MICROS = 1_000_000
SECONDS_DIGITS = 4


class ResultView(BaseModel):
    """What an image of a batch showed, or why that is not known."""

    id: str = Field(examples=["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"])
    result_id: str
    batch_id: str
    chunk_id: str | None
    url: str = Field(examples=["https://example.com/image1.jpg"])
    success: bool
    store_image: bool
    text_content: str = Field(description="at GET /api/v1/batches/{id}/results its first 500 characters")
    store_name: str = Field(examples=["Example Store"])
    business_contact: str = Field(examples=["contact@example.com"])
    image_description: str
    error_message: str | None = Field(None, examples=["http_404: The host answered 404."])
    processing_time_seconds: float | None = Field(examples=[1.2])
    created_at: str = Field(examples=["2026-11-21T03:57:36.691Z"])
    cache_hit: bool = Field(description="the same bytes were analysed before")
    provider: str | None = Field(examples=["local"])
    model: str | None
    gemini_model_used: str | None
    api_key_used: str | None = Field(description="its last four characters")
    cost: float = Field(description="US dollars")
    columns: dict[str, str] = Field(description="what else the row of the CSV says")


class PageMeta(BaseModel):
    """Which page of how many results."""

    page: int
    per_page: int
    total: int = Field(examples=[1500])


class ResultPage(BaseModel):
    """A page of results."""

    success: bool = True
    data: list[ResultView]
    meta: PageMeta
    timestamp: str = Field(examples=["2026-11-21T03:57:36.691Z"])


def result_view(row: Row) -> dict[str, Any]:
    """One row of a page."""
    is_gemini = row["provider"] == "gemini"
    return {
        "id": str(row["image_id"]),
        "result_id": str(row["image_id"]),
        "batch_id": str(row["job_id"]),
        "chunk_id": str(row["chunk_id"]) if row["chunk_id"] else None,
        **preview_view(row),
        "processing_time_seconds": _seconds(row["processing_seconds"]),
        "cache_hit": row["cache_hit"],
        "provider": row["provider"],
        "model": row["model"],
        "gemini_model_used": row["model"] if is_gemini else None,
        "api_key_used": row["key_hint"],
        "cost": row["cost_micros"] / MICROS,
        "columns": carried_columns(row["columns"], row["carried"] or ()),
    }


def preview_view(row: Row) -> dict[str, Any]:
    """One result with the nine fields of a preview."""
    return {
        "url": row["url"],
        "success": row["success"],
        "store_image": row["store_image"],
        "text_content": row["text_content"],
        "store_name": row["store_name"],
        "business_contact": row["business_contact"],
        "image_description": row["image_description"],
        "error_message": error_message(row["problem"], row["detail"]),
        "created_at": written(row["created_at"]),
    }


def error_message(problem: str | None, detail: str | None) -> str | None:
    """Why an image failed, as the door says it; None for one that succeeded."""
    if not problem:
        return None
    return f"{problem}: {detail}" if detail else problem


def carried_columns(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """What a row of the CSV carries, by its columns' names; of columns of one name the later ones have a number."""
    found: dict[str, str] = {}
    for name, cell in zip(names, cells, strict=False):
        number, unique = 2, name
        while unique in found:
            number, unique = number + 1, f"{name}_{number}"
        found[unique] = cell
    return found


def _seconds(found: float | None) -> float | None:
    return None if found is None else round(found, SECONDS_DIGITS)
