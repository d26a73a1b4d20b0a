"""When to try again: pure decisions over a schedule that is data."""

from dataclasses import dataclass

from shared.errors import Transient


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently an event is tried again; all in seconds.

    delays_seconds: the longest wait before attempt 2, 3, ...; its length bounds the attempts.
    patience_seconds: no attempt starts later than this after the first one.
    """

    delays_seconds: tuple[float, ...] = (1, 10, 60, 600)
    patience_seconds: float = 3600
    retry_after_seconds_max: float = 600


def delay_before_next(
    policy: RetryPolicy, *, attempt: int, waited_seconds: float, jitter: float, problem: Transient
) -> float | None:
    """Seconds until the attempt after `attempt` (1-based), or None when the schedule is spent.

    Full jitter: `jitter` in 0..1 is the share of the schedule's delay that is really waited. What the other side
    named by Retry-After is waited in full, and a little spread is added, so that they do not come back all at once.
    """
    if attempt > len(policy.delays_seconds) or attempt >= (problem.attempts_max or attempt + 1):
        return None
    delay = policy.delays_seconds[attempt - 1] * jitter
    if problem.retry_after_seconds is not None:
        delay += min(problem.retry_after_seconds, policy.retry_after_seconds_max)
    return delay if waited_seconds + delay <= policy.patience_seconds else None
