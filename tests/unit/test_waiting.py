"""An event that waits for its time keeps its attempts and its patience, however long that takes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from shared.delivery import Consumer, Delivery
from shared.envelope import enclose, new_id, new_traceparent, read
from shared.errors import NotYet, Transient
from shared.events import JobPaused
from shared.gathering import Finished
from shared.outcome import Service
from shared.retry import RetryPolicy
from shared.service import Loop
from shared.topology import Subscription

ENCLOSED = enclose(
    JobPaused(account_id="acme", job_id=new_id(), version=1), source="gateway", traceparent=new_traceparent()
)
SUBSCRIPTION = Subscription("enhancer", JobPaused)
LOOP = Loop(
    Service("enhancer", {}, {}, lambda *_: None), None, cast(Any, None), RetryPolicy((1, 1), patience_seconds=60)
)


def came(seconds_ago: float) -> Delivery:
    """An event that came so long ago."""
    then = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return Delivery(Consumer(SUBSCRIPTION, cast(Any, None), "tag"), 1, ENCLOSED.body, 1, then, 0)


def judged(taken: Delivery, error: Exception) -> Finished:
    """What becomes of it."""
    return LOOP.judge(taken, read(taken.body, JobPaused.type), error)


def test_hours_in_a_line_leave_an_event_its_patience() -> None:
    taken = came(90 * 60)
    for _ in range(90):
        waits = judged(taken, NotYet("no room", 60))
        (letter,) = waits.letters
        assert (waits.result, letter.attempt, letter.delay_seconds) == ("waits", 1, 60)
        assert letter.first_attempt_at is not None
        taken = replace(taken, first_attempt_at=letter.first_attempt_at)
    assert judged(taken, Transient("provider_unavailable")).result == "tries again"


def test_time_spent_on_attempts_uses_patience_up() -> None:
    assert judged(came(61), Transient("provider_unavailable")).result == "gave up"
