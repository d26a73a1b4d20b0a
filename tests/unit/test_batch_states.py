"""How a batch's counters and times read, against the numbers of the door's document."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.batches import states

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def batch(**facts: Any) -> dict[str, Any]:
    """A batch of 1,000 images in chunks of 300 that was started ten minutes ago."""
    usual = {
        "status": "processing",
        "images_total": 1000,
        "images_succeeded": 0,
        "images_failed": 0,
        "images_cancelled": 0,
        "processed_before": 0,
        "chunk_size": 300,
        "chunks_total": 4,
        "next_seq": 0,
        "started_at": NOW - timedelta(minutes=10),
        "completed_at": None,
    }
    return usual | facts


@pytest.mark.parametrize(
    ("succeeded", "seconds"),
    [(0, 5), (99, 5), (100, 10), (499, 10), (500, 15), (899, 15), (900, 5), (999, 5), (1000, 5)],
)
def test_an_active_batch_is_polled_by_its_progress(succeeded: int, seconds: int) -> None:
    for status in states.ACTIVE:
        assert states.polling_interval(batch(status=status, images_succeeded=succeeded))[0] == seconds


@pytest.mark.parametrize("status", sorted(set(states.STATUSES) - set(states.ACTIVE)))
def test_2_08_any_other_batch_is_polled_every_half_minute(status: str) -> None:
    assert states.polling_interval(batch(status=status, images_succeeded=5)) == (30, f"batch is {status}")


def test_failures_are_processed_and_cancelled_images_are_not() -> None:
    found = batch(images_succeeded=120, images_failed=30, images_cancelled=500)
    assert (states.processed(found), states.progress_percentage(found)) == (150, 15.0)
    assert states.success_percentage(found) == 80.0
    assert states.success_percentage(batch()) == 0.0


def test_the_rate_is_what_was_processed_per_minute_and_says_when_it_ends() -> None:
    found = batch(images_succeeded=480, images_failed=20)
    assert states.rate_per_minute(found, NOW) == 50.0
    assert states.remaining_minutes(found, NOW) == 10.0
    assert states.estimated_completion(found, NOW) == NOW + timedelta(minutes=10)
    assert states.average_seconds(found, NOW) == 1.2


def test_in_its_first_minute_a_batch_has_no_rate() -> None:
    found = batch(images_succeeded=500, started_at=NOW - timedelta(seconds=59))
    assert states.rate_per_minute(found, NOW) == 0.0
    assert states.estimated_completion(found, NOW) is None
    assert states.rate_per_minute(found, NOW + timedelta(seconds=1)) == 500.0


def test_a_restarted_batch_is_judged_by_its_present_run() -> None:
    found = batch(images_succeeded=700, images_failed=100, processed_before=600)
    assert states.rate_per_minute(found, NOW) == 20.0
    assert states.estimated_completion(found, NOW) == NOW + timedelta(minutes=10)
    assert states.average_seconds(found, NOW) == 3.0
    assert states.average_seconds(batch(images_succeeded=600, processed_before=600), NOW) == 0.0


def test_what_has_ended_takes_no_more_time() -> None:
    found = batch(status="completed", images_succeeded=1000, completed_at=NOW - timedelta(minutes=5))
    assert states.elapsed_seconds(found, NOW) == 300
    assert states.rate_per_minute(found, NOW) == 200.0
    assert states.estimated_completion(found, NOW) is None


def test_a_batch_that_was_never_started_took_no_time() -> None:
    found = batch(status="pending", started_at=None)
    assert states.elapsed_seconds(found, NOW) == states.average_seconds(found, NOW) == 0.0
    assert states.estimated_completion(found, NOW) is None


@pytest.mark.parametrize(("next_seq", "chunk"), [(0, 0), (1, 1), (300, 1), (301, 2), (900, 3), (901, 4), (1000, 4)])
def test_the_current_chunk_is_that_of_the_last_image_let_in(next_seq: int, chunk: int) -> None:
    assert states.current_chunk(batch(next_seq=next_seq)) == chunk


def test_at_the_end_the_last_chunk_is_the_current_one() -> None:
    assert states.current_chunk(batch(status="completed", next_seq=0)) == 4


def test_2_06_chunks_are_counted_up() -> None:
    assert [states.chunks_needed(number, 2000) for number in (1, 2000, 2001)] == [1, 1, 2]


def test_more_keys_take_less_time() -> None:
    assert [states.estimated_hours(7200, keys) for keys in (1, 2)] == [2.0, 1.0]


def test_an_error_message_begins_with_the_problems_code() -> None:
    assert states.error_message("http_404", "The host answered 404.") == "http_404: The host answered 404."
    assert states.error_message("http_404", None) == "http_404"
