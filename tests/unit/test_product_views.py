"""How a request of the products door reads."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from services.gateway.api.product_views import (
    STATUS_MESSAGES,
    DetailsView,
    StatusView,
    details_head,
    image_name,
    product_json,
    product_view,
    status_of,
    status_view,
    time_text,
)

JOB_ID = UUID("01933c5e-7a00-7c11-9d5e-6f2a51c0de01")
IMAGE_ID = UUID("01933c5e-7a01-7a22-8b10-0c9b7d3e4f02")
PUBLIC_URL = "https://darkroom.example"
MOMENT = datetime(2026, 3, 14, 9, 26, 53, 589_793, UTC)


def job(**columns: Any) -> dict[str, Any]:
    """A row of `jobs`: two products, four images."""
    return {
        "job_id": JOB_ID,
        "state": "open",
        "problem": None,
        "run": 1,
        "next_seq": 4,
        "images_total": 4,
        "images_succeeded": 0,
        "images_failed": 0,
        "images_cancelled": 0,
        "items_total": 2,
        "items_ended": 0,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "file_name": "chairs.csv",
        **columns,
    }


def image(**columns: Any) -> dict[str, Any]:
    """A row of `images` that succeeded."""
    return {
        "image_id": IMAGE_ID,
        "item_key": "7",
        "item_name": "Chaise longue",
        "source_url": "https://shop.example/1.png",
        "state": "succeeded",
        "format": "jpeg",
        "problem": None,
        "detail": None,
        "attempts": 1,
        **columns,
    }


FAILED = image(state="failed", format=None, problem="http_404", detail="Not found.", attempts=2)
PENDING = image(state="pending", format=None, attempts=0)


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({"state": "open", "next_seq": 0}, "pending"),
        ({"state": "open", "next_seq": 1}, "processing"),
        ({"state": "open", "next_seq": 0, "run": 2}, "processing"),
        ({"state": "cancelling"}, "processing"),
        ({"state": "completed"}, "completed"),
        ({"state": "failed"}, "failed"),
        ({"state": "cancelled"}, "failed"),
    ],
)
def test_a_job_has_one_of_the_doors_four_words(columns: dict[str, Any], status: str) -> None:
    assert status_of(job(**columns)) == status
    assert status_view(job(**columns))["message"] == STATUS_MESSAGES[status]


def test_a_status_counts_products_and_images() -> None:
    view = status_view(job(images_succeeded=1, images_failed=1, images_cancelled=1, items_ended=1))
    assert view["progress"] == {"total_products": 2, "processed_products": 1, "percentage": 50.0}
    assert view["images"] == {"total": 4, "completed": 1, "failed": 2, "pending": 1}
    assert view["request_id"] == str(JOB_ID)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_every_image_is_counted_once(succeeded: int, failed: int, cancelled: int, pending: int) -> None:
    total = succeeded + failed + cancelled + pending
    row = job(
        images_total=total, images_succeeded=succeeded, images_failed=failed, images_cancelled=cancelled, next_seq=total
    )
    found = status_view(row)["images"]
    assert found["completed"] + found["failed"] + found["pending"] == found["total"] == total
    assert min(found.values()) >= 0


def test_the_views_are_what_the_documentation_says() -> None:
    StatusView.model_validate(status_view(job()), strict=True)
    details = {**details_head(job()), "products": [product_view([image(), FAILED], PUBLIC_URL)]}
    DetailsView.model_validate(details, strict=True)
    assert details["csv_filename"] == "chairs.csv"


def test_a_product_keeps_its_images_in_their_places() -> None:
    view = product_view([FAILED, image()], PUBLIC_URL)
    url = f"{PUBLIC_URL}/api/image/{IMAGE_ID}.jpg"
    assert (view["serial_number"], view["product_name"], view["status"]) == (7, "Chaise longue", "completed")
    assert view["output_image_urls"] == ["", url]
    assert [each["output_url"] for each in view["images"]] == [None, url]
    assert [each["status"] for each in view["images"]] == ["failed", "completed"]
    assert (view["images"][0]["problem"], view["images"][0]["attempts"]) == ("http_404", 2)


def test_a_product_has_no_outputs_before_all_its_images_have_ended() -> None:
    view = product_view([image(), PENDING], PUBLIC_URL)
    assert (view["status"], view["output_image_urls"]) == ("pending", None)
    assert len(view["input_image_urls"]) == 2


def test_a_product_as_text_is_the_product() -> None:
    rows = [image(item_name='Été "1"'), FAILED]
    assert json.loads(product_json(rows, PUBLIC_URL)) == product_view(rows, PUBLIC_URL)


@pytest.mark.parametrize(("format", "name"), [("jpeg", "jpg"), ("png", "png"), ("webp", "webp")])
def test_an_image_is_served_by_its_id_and_format(format: str, name: str) -> None:
    assert image_name(image(format=format)) == f"{IMAGE_ID}.{name}"


def test_times_are_utc_to_the_millisecond() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert time_text(MOMENT) == time_text(elsewhere) == "2026-03-14T09:26:53.589Z"
    assert time_text(MOMENT.replace(microsecond=0)) == "2026-03-14T09:26:53.000Z"
