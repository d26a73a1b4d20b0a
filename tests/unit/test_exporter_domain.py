"""What the exporter decides, without a database."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from services.exporter import domain, webhooks
from services.exporter.domain import Answer, step_after
from services.exporter.rows import Result, Tally, job_of, secrets_of
from shared.errors import Permanent, Transient
from shared.facts import Webhook
from tests.exporter_events import Job

NOW = datetime(2026, 1, 2, tzinfo=UTC)
JOB = Job(images_total=3, webhook=Webhook(url="https://shop.example/hook", secrets_sealed=("a", "b")))
SUBMITTED = job_of(JOB.submitted())


def result(seq: int, run: int, state: str) -> Result:
    """An outcome of an image."""
    return Result(
        job_id=UUID(int=1),
        seq=seq,
        run=run,
        account_id="",
        image_id=UUID(int=seq),
        item=1,
        item_key="1",
        item_name="",
        position=seq,
        item_size=1,
        source_url="",
        state=state,  # type: ignore[arg-type]
    )


@given(st.lists(st.integers(1, 5), max_size=5), st.booleans(), st.randoms(use_true_random=False))
def test_one_outcome_per_run_stands_the_same_in_any_order(
    failed_runs: list[int], ends_well: bool, order: random.Random
):
    results = [result(0, run, "failed") for run in failed_runs]
    if ends_well or not results:
        results.append(result(0, 6, "succeeded"))
    order.shuffle(results)
    (kept,) = domain.standing(results)
    assert kept.run == max(each.run for each in results)


def test_what_stands_is_sorted_by_key() -> None:
    kept = domain.standing([result(2, 1, "failed"), result(0, 1, "failed"), result(1, 1, "succeeded")])
    assert [each.seq for each in kept] == [0, 1, 2]


@pytest.mark.parametrize(
    ("submitted_run", "run", "tally", "age_seconds", "waits"),
    [
        (None, 1, Tally(3), 0, True),
        (1, 2, Tally(3, run=1), 0, True),
        (1, 1, Tally(1, 1, run=1), 0, True),
        (1, 1, Tally(1, 1, run=1), 1e6, True),
        (1, 1, Tally(2, 1, run=1), 0, False),
        (1, 1, Tally(1, 2, run=1), 0, True),
        (1, 1, Tally(1, 2, run=1), 1e6, False),
        (1, 1, Tally(3, 0, run=2), 0, False),
        (2, 1, Tally(1, 2, run=1), 0, False),
        (2, 2, Tally(1, 2, run=1), 0, True),
        (2, 2, Tally(2, 1, run=1), 0, False),
    ],
)
def test_when_a_run_is_settled(submitted_run, run, tally, age_seconds, waits) -> None:
    job = replace(SUBMITTED, run=submitted_run) if submitted_run else None
    event = JOB.completed(succeeded=2, failed=1, run=run)
    assert (domain.why_not_settled(event, job, tally, age_seconds) is not None) == waits


@pytest.mark.parametrize(
    ("run", "completed_run", "total", "waits"),
    [
        (1, None, 2, True),
        (1, None, 3, False),
        (2, None, 3, True),
        (2, 1, 3, True),
        (2, 2, 3, False),
        (2, 3, 3, False),
    ],
)
def test_when_an_export_is_covered(run, completed_run, total, waits) -> None:
    job = None if completed_run is None else replace(SUBMITTED, completed_run=completed_run)
    assert (domain.why_not_covered(JOB.export(run=run), job, Tally(total)) is not None) == waits


def test_a_message_is_the_same_whoever_makes_it_and_differs_between_runs() -> None:
    event, second = JOB.completed(succeeded=3), JOB.completed(succeeded=3, run=2)
    again = domain.delivery_of(event, replace(SUBMITTED, run=2))
    found = domain.delivery_of(event, SUBMITTED)
    assert found == again
    assert found is not None
    assert found.message_id.startswith("msg_")
    other = domain.delivery_of(second, SUBMITTED)
    assert other is not None
    assert (other.message_id, other.delivery_id) != (found.message_id, found.delivery_id)


def test_only_a_jobs_own_secrets_are_kept_with_it() -> None:
    own = Job(webhook=Webhook(url="https://shop.example/", secrets_sealed=("a",), own_secret=True)).submitted()
    assert (job_of(own).secrets_sealed, secrets_of(own)) == ("a", [])
    assert SUBMITTED.secrets_sealed is None
    assert [each.secrets_sealed for each in secrets_of(JOB.submitted())] == ["a b"]
    assert secrets_of(Job().submitted()) == []


@pytest.mark.parametrize(
    ("sealed", "age", "expected"),
    [
        ("new old", timedelta(hours=23), ["new", "old"]),
        ("new old", timedelta(hours=25), ["new"]),
        ("new old", None, ["new", "old"]),
        (None, None, []),
        ("", timedelta(hours=25), []),
    ],
)
def test_which_secrets_sign(sealed, age, expected) -> None:
    changed_at = None if age is None else NOW - age
    assert domain.signing_secrets(sealed, changed_at, NOW) == expected


@pytest.mark.parametrize(
    ("answer", "state", "problem"),
    [
        (Answer(204), "delivered", None),
        (Answer(410), "abandoned", "http_410"),
        (Answer(302), "pending", "http_302"),
        (Answer(500), "pending", "http_500"),
        (Answer.none(Transient("read_timeout", "The host fell silent.")), "pending", "read_timeout"),
        (Answer.none(Permanent("tls_failed")), "pending", "tls_failed"),
        (Answer.none(Permanent("address_forbidden")), "abandoned", "address_forbidden"),
        (Answer.none(Permanent("url_invalid")), "abandoned", "url_invalid"),
    ],
)
def test_what_an_answer_means(answer, state, problem) -> None:
    step = step_after(answer, 1, 0.5, webhooks.delay_before)
    assert (step.state, step.problem) == (state, problem)
    assert (step.delay_seconds is not None) == (state == "pending")


def test_the_schedule_ends_and_the_receivers_wishes_are_heard() -> None:
    refused = Answer(500)
    delays = [step_after(refused, attempt, 0.5, webhooks.delay_before).delay_seconds for attempt in range(1, 11)]
    assert delays == [*webhooks.RETRY_DELAYS_SECONDS[1:], None]
    assert step_after(refused, 10, 0.5, webhooks.delay_before).state == "abandoned"
    asked = step_after(Answer(429, retry_after_seconds=600), 1, 0.5, webhooks.delay_before)
    assert asked.delay_seconds == 600


def test_only_our_own_politeness_is_no_attempt() -> None:
    busy = Answer.none(Transient("rate_limited", retry_after_seconds=7))
    assert domain.is_unasked(busy)
    assert busy.retry_after_seconds == 7
    assert not domain.is_unasked(Answer(429))
