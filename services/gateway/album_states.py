"""What the albums door calls the state of one of its jobs, which is an image of ours."""

from typing import Any, Literal

from shared.db import Row

AlbumStatus = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]

ENDED_STATUSES: frozenset[AlbumStatus] = frozenset({"COMPLETED", "FAILED", "CANCELLED"})

_ENDED: dict[str, AlbumStatus] = {"succeeded": "COMPLETED", "failed": "FAILED", "cancelled": "CANCELLED"}


def status_of(row: Row | dict[str, Any]) -> AlbumStatus:
    """The door's word for a row with `state`, `seq` and its job's `next_seq`: images before that were let in."""
    if row["state"] == "pending":
        return "PROCESSING" if row["seq"] < row["next_seq"] else "PENDING"
    return _ENDED[row["state"]]
