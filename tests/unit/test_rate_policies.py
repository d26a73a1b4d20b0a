"""Rate limits as figures: what a setting means, and what a caller is told."""

from datetime import UTC, datetime

import pytest

from services.gateway.rates import Counted, Policy, whole_seconds
from services.gateway.settings import Settings

HOURLY = Policy("requests", 1000, 3600)
AT = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def test_a_rate_is_calls_in_seconds() -> None:
    assert Policy.parse("enhance", "5/60") == Policy("enhance", 5, 60)
    assert not Policy.parse("enhance", "5/60").is_off
    assert Policy.parse("enhance", "0/60").is_off


@pytest.mark.parametrize("rate", ["", "5", "5/", "/60", "5/0", "-5/60", "5/60/1", "five/60", " 5/60"])
def test_what_is_no_rate_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="calls/seconds"):
        Policy.parse("enhance", rate)
    with pytest.raises(ValueError, match="enhance_rate"):
        Settings(enhance_rate=rate)


@pytest.mark.parametrize(("left", "told"), [(3600.004, 3600), (3599.2, 3600), (0.3, 1), (0, 1), (-0.1, 1)])
def test_a_caller_is_told_to_wait_whole_seconds_and_at_least_one(left: float, told: int) -> None:
    assert whole_seconds(left, HOURLY.seconds) == told


def test_the_headers_are_those_of_the_draft_and_the_older_ones() -> None:
    assert Counted(HOURLY, True, 999, AT, 3599).headers() == {
        "RateLimit-Policy": '"requests";q=1000;w=3600',
        "RateLimit": '"requests";r=999;t=3599',
        "RateLimit-Limit": "1000",
        "RateLimit-Remaining": "999",
        "RateLimit-Reset": "3599",
    }


def test_the_albums_door_says_when_in_milliseconds_since_the_epoch() -> None:
    assert Counted(Policy("upload", 30, 60), False, 0, AT, 5).door_headers() == {
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(round(AT.timestamp() * 1000)),
    }
