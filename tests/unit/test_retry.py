"""When an event is tried again."""

import pytest
from hypothesis import given, strategies as st

from shared.errors import Transient
from shared.retry import RetryPolicy, delay_before_next

POLICY = RetryPolicy(delays_seconds=(1, 10, 60), patience_seconds=100, retry_after_seconds_max=50)


def delay(
    attempt: int, *, waited: float = 0, jitter: float = 1, retry_after: float | None = None, attempts: int | None = None
) -> float | None:
    problem = Transient("read_timeout", retry_after_seconds=retry_after, attempts_max=attempts)
    return delay_before_next(POLICY, attempt=attempt, waited_seconds=waited, jitter=jitter, problem=problem)


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"), [(1, 1, 1), (2, 1, 10), (3, 1, 60), (2, 0.25, 2.5), (3, 0, 0)]
)
def test_the_wait_is_a_share_of_the_schedule(attempt: int, jitter: float, seconds: float) -> None:
    assert delay(attempt, jitter=jitter) == seconds


@pytest.mark.parametrize("attempt", [4, 5, 100])
def test_after_the_last_delay_there_is_no_further_attempt(attempt: int) -> None:
    assert delay(attempt) is None


@pytest.mark.parametrize(
    ("attempts", "tried_again_after"), [(1, []), (2, [1]), (3, [1, 2]), (4, [1, 2, 3]), (99, [1, 2, 3])]
)
def test_a_problem_may_be_worth_fewer_attempts_than_the_schedule(attempts: int, tried_again_after: list[int]) -> None:
    found = [attempt for attempt in range(1, 6) if delay(attempt, attempts=attempts) is not None]
    assert found == tried_again_after


@pytest.mark.parametrize(("retry_after", "seconds"), [(0, 1), (7, 8), (50, 51), (51, 51), (9_999, 51)])
def test_what_the_other_side_asks_for_is_waited_in_full_up_to_a_limit(retry_after: float, seconds: float) -> None:
    assert delay(1, retry_after=retry_after) == seconds
    assert delay(1, retry_after=retry_after, jitter=0) == seconds - 1


@pytest.mark.parametrize(("waited", "seconds"), [(0, 60), (40, 60), (40.01, None), (1000, None)])
def test_no_attempt_starts_after_patience_is_over(waited: float, seconds: float | None) -> None:
    assert delay(3, waited=waited) == seconds


@given(
    attempt=st.integers(1, 8),
    waited=st.floats(0, 200),
    jitter=st.floats(0, 1),
    retry_after=st.none() | st.floats(0, 10_000),
    attempts=st.none() | st.integers(1, 8),
)
def test_every_wait_is_bounded_and_every_schedule_ends(
    attempt: int, waited: float, jitter: float, retry_after: float | None, attempts: int | None
) -> None:
    found = delay(attempt, waited=waited, jitter=jitter, retry_after=retry_after, attempts=attempts)
    if found is None:
        is_spent = attempt > len(POLICY.delays_seconds) or attempt >= (attempts or 99)
        longest = POLICY.delays_seconds[attempt - 1] + 50 if attempt <= len(POLICY.delays_seconds) else 0
        assert is_spent or waited + longest > POLICY.patience_seconds
    else:
        assert min(retry_after or 0, POLICY.retry_after_seconds_max) <= found
        assert found <= POLICY.delays_seconds[attempt - 1] + POLICY.retry_after_seconds_max
        assert waited + found <= POLICY.patience_seconds


def test_the_default_schedule_asks_five_times_within_the_hour() -> None:
    policy, waited, attempts = RetryPolicy(), 0.0, 1
    while (
        found := delay_before_next(
            policy, attempt=attempts, waited_seconds=waited, jitter=1, problem=Transient("connection_timeout")
        )
    ) is not None:
        waited += found
        attempts += 1
    assert attempts == 5
    assert waited == 671
