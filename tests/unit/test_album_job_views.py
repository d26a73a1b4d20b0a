"""How the albums door's jobs and batches read, and which ids name them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.gateway.album_jobs import REFERENCE, Named, batch_status
from services.gateway.api.album_job_views import job_view, named_view, news_view, status_view
from services.gateway.streams import Streams

BEGAN = datetime(2026, 11, 21, 3, 45, 1, 234_567, tzinfo=UTC)
PUBLIC = "http://localhost:8000"
REFERENCED = f"album-{UUID(int=7)}-1795233456691"


def row(state: str = "pending", seq: int = 0, next_seq: int = 1, **facts: Any) -> dict[str, Any]:
    """A row of `list_named`."""
    return {
        "image_id": UUID(int=seq + 1),
        "job_id": UUID(int=9),
        "upload_id": UUID(int=seq + 100),
        "state": state,
        "seq": seq,
        "next_seq": next_seq,
        "tier": "TIER_1K",
        "price_tokens": 2,
        "width": 1024,
        "height": 683,
        "rendition_bytes": 310_402,
        "problem": None,
        "detail": None,
        "job_created_at": BEGAN,
        "requested_at": None,
        "ended_at": None,
        "reference": REFERENCED,
        "name": "beach.jpg",
        "upload_gone": False,
        "original_width": 3000,
        "original_height": 2000,
        **facts,
    }


def named(*rows: dict[str, Any], is_batch: bool = True) -> Named:
    """What an id names."""
    return Named("id", rows, is_batch)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "together"),
    [
        (["PENDING"], "PENDING"),
        (["PENDING", "PENDING"], "PENDING"),
        (["PROCESSING", "PENDING"], "PROCESSING"),
        (["COMPLETED", "PENDING"], "PROCESSING"),
        (["CANCELLED", "PENDING"], "PROCESSING"),
        (["FAILED", "PROCESSING"], "PROCESSING"),
        (["COMPLETED", "FAILED", "CANCELLED"], "COMPLETED"),
        (["FAILED", "CANCELLED"], "FAILED"),
        (["CANCELLED", "CANCELLED"], "CANCELLED"),
    ],
)
def test_a_batch_is_where_its_jobs_are(statuses: list[Any], together: str) -> None:
    assert batch_status(statuses) == together


def test_a_job_that_is_processed_has_a_stage_and_no_picture() -> None:
    view = job_view(row(requested_at=BEGAN), PUBLIC)
    assert (view["status"], view["currentStage"], view["tokensCost"]) == ("PROCESSING", "GENERATING", 2)
    assert view["processingStartedAt"] == "2026-11-21T03:45:01.234Z"
    assert [view[name] for name in ("enhancedUrl", "enhancedWidth", "processingCompletedAt")] == [None] * 3
    assert view["image"] == {
        "id": str(UUID(int=100)),
        "name": "beach.jpg",
        "originalUrl": f"{PUBLIC}/api/images/{UUID(int=100)}/original",
        "originalWidth": 3000,
        "originalHeight": 2000,
    }


def test_a_job_that_is_completed_has_a_picture() -> None:
    view = job_view(row("succeeded", ended_at=BEGAN), PUBLIC)
    assert (view["status"], view["currentStage"], view["errorMessage"]) == ("COMPLETED", None, None)
    assert view["enhancedUrl"] == f"{PUBLIC}/api/jobs/{UUID(int=1)}/image"
    assert (view["enhancedWidth"], view["enhancedHeight"], view["enhancedSizeBytes"]) == (1024, 683, 310_402)


def test_an_image_that_is_deleted_keeps_its_name_only() -> None:
    view = job_view(row(upload_gone=True), PUBLIC)["image"]
    assert (view["name"], view["originalUrl"]) == ("beach.jpg", None)


def test_a_job_without_a_batch_of_a_name_is_in_one_by_its_id() -> None:
    assert job_view(row(reference=None), PUBLIC)["batchId"] == str(UUID(int=9))


def test_a_batch_shows_its_jobs_and_a_job_itself() -> None:
    rows = row("succeeded"), row("failed", 1, problem="truncated", detail="It ends early.")
    batch = named_view(named(*rows), PUBLIC)
    assert (batch["id"], batch["status"], len(batch["jobs"])) == ("id", "COMPLETED", 2)
    assert named_view(named(rows[1], is_batch=False), PUBLIC) == batch["jobs"][1]


def test_why_a_job_failed_is_told_and_of_a_batch_only_when_all_of_it_did() -> None:
    failed = row("failed", 1, problem="truncated", detail="")
    assert status_view("asked", named(failed, is_batch=False)) == {
        "id": "asked",
        "status": "FAILED",
        "errorMessage": "truncated",
    }
    assert status_view("asked", named(row("succeeded"), failed))["errorMessage"] is None


def test_news_of_a_batch_show_no_picture() -> None:
    done = row("succeeded")
    assert news_view(named(done), PUBLIC)["enhancedUrl"] is None
    news = news_view(named(done, is_batch=False), PUBLIC)
    assert news == {
        "type": "status",
        "status": "COMPLETED",
        "currentStage": None,
        "enhancedUrl": f"{PUBLIC}/api/jobs/{UUID(int=1)}/image",
        "enhancedWidth": 1024,
        "enhancedHeight": 683,
        "errorMessage": None,
    }


@pytest.mark.parametrize("text", [REFERENCED, "batch-1795233456691", f"album-{UUID(int=8)}-1"])
def test_a_reference_is_recognised(text: str) -> None:
    assert REFERENCE.fullmatch(text)


@pytest.mark.parametrize(
    "text", ["", "batch-", "batch-1\0", f"album-{UUID(int=8)}", "album-1-2", "batch-١", f"x{REFERENCED}"]
)
def test_anything_else_is_no_reference(text: str) -> None:
    assert not REFERENCE.fullmatch(text)


def test_so_many_streams_may_be_open_and_a_seat_is_given_back_once() -> None:
    streams = Streams(2)
    first, second = streams.take("a"), streams.take("a")
    assert first
    assert second
    assert streams.take("a") is None
    assert streams.take("b")
    first()
    first()
    assert streams.take("a")
    assert streams.take("a") is None
