"""The albums door's words for what becomes of an image."""

import pytest

from services.gateway.album_states import ENDED_STATUSES, status_of


@pytest.mark.parametrize(
    ("state", "seq", "status"),
    [
        ("pending", 3, "PENDING"),
        ("pending", 4, "PENDING"),
        ("pending", 2, "PROCESSING"),
        ("succeeded", 2, "COMPLETED"),
        ("failed", 2, "FAILED"),
        ("cancelled", 2, "CANCELLED"),
        ("cancelled", 5, "CANCELLED"),
    ],
)
def test_an_image_has_a_status(state: str, seq: int, status: str) -> None:
    assert status_of({"state": state, "seq": seq, "next_seq": 3}) == status


def test_what_runs_or_waits_has_not_ended() -> None:
    ended = {status_of({"state": state, "seq": 0, "next_seq": 1}) for state in ("succeeded", "failed", "cancelled")}
    assert ended == ENDED_STATUSES
