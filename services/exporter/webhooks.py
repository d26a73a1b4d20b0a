"""Webhooks without the network: what is sent, how it is signed, when it is tried again.

Signatures follow Standard Webhooks; the message id stays the same over all attempts, the timestamp is the attempt's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from standardwebhooks import Webhook

# now, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h
RETRY_DELAYS_SECONDS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
RETRY_JITTER = 0.1
RETRY_AFTER_SECONDS_MAX = 86_400
SLOW_DOWN_SECONDS_MIN = 60
BODY_BYTES_MAX = 20_000

GONE = 410
SLOW_DOWN_STATUSES = frozenset({429, 502, 504})


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Again:
    """Not delivered; `slow_down` when the receiver is overloaded, `retry_after_seconds` when it named a time."""

    problem: str
    slow_down: bool = False
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Disabled:
    """The receiver wants no more messages at this address."""


Verdict = Delivered | Again | Disabled


def judge(answer: int | str, retry_after_seconds: float | None = None) -> Verdict:
    """What an attempt's answer means: an HTTP status, or the problem code of an attempt without one."""
    if isinstance(answer, str):
        return Again(answer, retry_after_seconds=retry_after_seconds)
    if 200 <= answer < 300:
        return Delivered()
    if answer == GONE:
        return Disabled()
    return Again(f"http_{answer}", answer in SLOW_DOWN_STATUSES, retry_after_seconds)


def delay_before(attempt: int, jitter: float, again: Again | None = None) -> float | None:
    """Seconds to wait before an attempt (the first is 1); None when the schedule is spent.

    jitter: from 0 to 1, spreads the delay by a tenth to either side. again: why the attempt before did not deliver.
    """
    assert attempt >= 1
    assert 0 <= jitter <= 1
    if attempt > len(RETRY_DELAYS_SECONDS):
        return None
    delay = RETRY_DELAYS_SECONDS[attempt - 1] * (1 + RETRY_JITTER * (2 * jitter - 1))
    if again is None:
        return delay
    asked = min(again.retry_after_seconds or 0, RETRY_AFTER_SECONDS_MAX)
    return max(delay, asked, SLOW_DOWN_SECONDS_MIN if again.slow_down else 0)


def sign(message_id: str, timestamp: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of Standard Webhooks, with one signature for each secret (two while one is replaced)."""
    assert secrets
    assert "." not in message_id  # it separates the signed parts
    moment = timestamp.astimezone(UTC)  # the library would take any other zone's clock for UTC
    signatures = [Webhook(secret).sign(message_id, moment, body.decode()) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def completed_payload(
    *,
    request_id: str,
    status: Literal["completed", "failed", "cancelled"],
    total_products: int,
    processed_products: int,
    completed_at: datetime,
) -> dict[str, str | int | float]:
    """The six fields of the products door, however the job ended (the original knew no cancellation)."""
    return {
        "request_id": request_id,
        "status": status,
        "total_products": total_products,
        "processed_products": processed_products,
        "completion_percentage": round(100 * processed_products / total_products, 2) if total_products else 100.0,
        "timestamp": completed_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def encode(payload: Mapping[str, object]) -> bytes:
    """The body that is signed and sent, byte for byte; below 20 kB."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(body) < BODY_BYTES_MAX
    return body
