"""gateway: how a batch's counters and times read at a moment: pure formulas over a row of batch_overviews.

A batch's processed images are those that succeeded or failed; what was cancelled never was. Times and the rate are of
the batch's present run: what had ended before it was restarted counts as processed, and not as this run's work.
"""

from datetime import datetime, timedelta
from math import ceil

from shared.db import Row

STATUSES = ("pending", "queued", "processing", "paused", "completed", "failed", "cancelled")
ACTIVE = ("pending", "queued", "processing")

INACTIVE_POLL_SECONDS = 30
POLL_SECONDS = ((10, 5, "just started"), (50, 10, "under way"), (90, 15, "in its second half"))
LAST_POLL_SECONDS = 5
IMAGES_PER_HOUR = 3600  # that are promised of each key of a provider


def is_active(batch: Row) -> bool:
    """Whether it is to be polled: neither paused nor at its end."""
    return batch["status"] in ACTIVE


def processed(batch: Row) -> int:
    """Images that succeeded or failed."""
    return int(batch["images_succeeded"] + batch["images_failed"])


def progress_percentage(batch: Row) -> float:
    """Processed images of all, from 0.0 to 100.0, not rounded."""
    return 100 * processed(batch) / batch["images_total"] if batch["images_total"] else 0.0


def success_percentage(batch: Row) -> float:
    """Successes of the processed images, from 0.0 to 100.0; 0.0 while none is processed."""
    return 100 * float(batch["images_succeeded"]) / processed(batch) if processed(batch) else 0.0


def polling_interval(batch: Row) -> tuple[int, str]:
    """After how many seconds to look again, and why.

    Not active: 30. Active: 5 while less than 10 % is processed, 10 below 50 %, 15 below 90 %, then 5 again.
    """
    if not is_active(batch):
        return INACTIVE_POLL_SECONDS, f"batch is {batch['status']}"
    done = progress_percentage(batch)
    for below, seconds, reason in POLL_SECONDS:
        if done < below:
            return seconds, f"batch is {reason}"
    return LAST_POLL_SECONDS, "batch is nearly done"


def elapsed_seconds(batch: Row, now: datetime) -> float:
    """How long the present run takes, or took; 0 before its first image was let in."""
    if batch["started_at"] is None:
        return 0.0
    since: datetime = batch["started_at"]
    until: datetime = batch["completed_at"] or now
    return max(0.0, (until - since).total_seconds())


def rate_per_minute(batch: Row, now: datetime) -> float:
    """Images that the present run has processed per minute; 0 in its first minute."""
    minutes = elapsed_seconds(batch, now) / 60
    return _processed_now(batch) / minutes if minutes >= 1 else 0.0


def remaining_minutes(batch: Row, now: datetime) -> float | None:
    """What is left, at the present rate; None when it is not active, or nothing can be said yet."""
    rate = rate_per_minute(batch, now)
    if not is_active(batch) or not rate:
        return None
    left: int = batch["images_total"] - processed(batch)
    return max(0, left) / rate


def estimated_completion(batch: Row, now: datetime) -> datetime | None:
    """When it will be done at the present rate; None as for `remaining_minutes`."""
    minutes = remaining_minutes(batch, now)
    return None if minutes is None else now + timedelta(minutes=minutes)


def average_seconds(batch: Row, now: datetime) -> float:
    """The present run's seconds per image that it processed."""
    return elapsed_seconds(batch, now) / _processed_now(batch) if _processed_now(batch) else 0.0


def current_chunk(batch: Row) -> int:
    """The chunk, from 1, of the last image that was let in; 0 before the first, the last one when all has ended."""
    if batch["status"] == "completed":
        return int(batch["chunks_total"])
    return chunks_needed(batch["next_seq"], batch["chunk_size"])


def chunks_needed(images_total: int, chunk_size: int) -> int:
    """How many chunks so many images make."""
    return ceil(images_total / chunk_size)


def estimated_hours(images_total: int, keys: int = 1) -> float:
    """How long so many images may take: an image a second with each key, so that more keys mean less time."""
    return round(images_total / (IMAGES_PER_HOUR * keys), 4)


def error_message(problem: str, detail: str | None) -> str:
    """A problem as one text, whose part before the first colon is its code."""
    return f"{problem}: {detail}" if detail else problem


def _processed_now(batch: Row) -> int:
    return max(0, processed(batch) - int(batch["processed_before"]))
