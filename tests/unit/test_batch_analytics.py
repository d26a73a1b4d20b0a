"""How a batch's health is scored and its failures are told apart."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from services.gateway.batches import analytics
from services.gateway.batches.analytics import NETWORK, PROCESSING, URLS, WELL

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def batch(succeeded: int = 0, failed: int = 0, hours: float = 0, status: str = "completed") -> dict[str, Any]:
    """A batch in four chunks that was started so many hours ago."""
    return {
        "status": status,
        "images_total": 1000,
        "images_succeeded": succeeded,
        "images_failed": failed,
        "chunks_total": 4,
        "created_at": NOW - timedelta(days=30),
        "queued_at": NOW - timedelta(hours=hours),
    }


def score(failed_chunks: int = 0, **facts: Any) -> float:
    return analytics.health_of(batch(**facts), failed_chunks, {}, NOW).score


def test_2_17_half_of_the_images_failed() -> None:
    health = analytics.health_of(batch(succeeded=5, failed=5), 0, {"http_404": 5}, NOW)
    assert health.score == 85.0
    assert health.issues == []
    assert health.factors == {"success_rate": 50.0, "processing_speed": 100.0, "error_patterns": 50.0}


def test_a_batch_without_faults_is_well() -> None:
    health = analytics.health_of(batch(succeeded=8, failed=2), 0, {"http_404": 1, "not_an_image": 1}, NOW)
    assert (health.score, health.issues, health.recommendations) == (100.0, [], [WELL])
    assert health.factors["error_patterns"] == 90.0


def test_a_batch_of_which_nothing_is_processed_is_not_blamed() -> None:
    assert score() == score(status="pending", hours=100) == 100.0


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"failed_chunks": 1, "succeeded": 1}, 92.5),
        ({"failed_chunks": 4, "succeeded": 1}, 70.0),
        ({"succeeded": 1, "hours": 24, "status": "processing"}, 100.0),
        ({"succeeded": 1, "hours": 25.5, "status": "queued"}, 98.5),
        ({"succeeded": 1, "hours": 500, "status": "processing"}, 80.0),
        ({"succeeded": 1, "hours": 500, "status": "paused"}, 100.0),
        ({"failed": 1}, 60.0),
        ({"succeeded": 1, "failed": 2}, 76.7),
        ({"failed_chunks": 4, "failed": 1, "hours": 500, "status": "processing"}, 10.0),
    ],
    ids=range(9),
)
def test_the_score_is_lowered_by_chunks_age_and_failures(facts: dict[str, Any], expected: float) -> None:
    assert score(**facts) == expected


def test_what_lowers_the_score_is_said_in_the_doors_words() -> None:
    health = analytics.health_of(batch(1, 2, hours=30, status="processing"), 3, {"http_404": 2}, NOW)
    assert health.issues == ["3 failed chunks", "Processing for 30.0 hours", "Low success rate (33.3%)"]
    assert health.recommendations == [
        "Consider resetting failed chunks",
        "Consider force restart or cancellation",
        "Check API configuration and URL quality",
    ]
    assert health.factors["processing_speed"] == 70.0


@pytest.mark.parametrize(
    ("category", "problems"),
    [
        (NETWORK, ["dns_failed", "connection_timeout", "total_timeout", "connection_reset", "http_500", "http_503"]),
        (URLS, ["url_invalid", "http_404", "http_403", "http_410", "not_an_image", "address_forbidden"]),
        (PROCESSING, ["decode_failed", "too_large", "internal_error", "provider_quota", "unsupported_format", "http_"]),
    ],
)
def test_a_problem_has_a_category(category: str, problems: list[str]) -> None:
    assert {analytics.category_of(problem) for problem in problems} == {category}


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_percentages_add_up_to_a_hundred(counts: list[int]) -> None:
    shares = analytics.percentages(counts)
    assert round(sum(shares), 6) == (100.0 if sum(counts) else 0.0)
    for number, share in zip(counts, shares, strict=True):
        assert abs(share - 100 * number / max(1, sum(counts))) < 0.1 + 1e-9


def test_recommendations_follow_from_what_went_wrong() -> None:
    problems = {"connection_timeout": 12, "http_404": 10, "decode_failed": 5, "provider_refused": 3}
    assert analytics.recommendations(batch(70, 30), problems) == [
        "Check API key configuration",
        "Consider increasing timeout settings",
        "Check network connectivity",
        "Validate URL format",
        "Look at the images that could not be processed",
        "High failure rate - check URL quality",
    ]
    assert analytics.recommendations(batch(99, 1), {"http_404": 1}) == ["Validate URL format"]
    assert analytics.recommendations(batch(99), {}) == []
