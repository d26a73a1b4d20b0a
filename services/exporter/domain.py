"""What the exporter decides: when a run's results are all here, what a webhook says, what an attempt at it means."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from services.exporter import webhooks
from services.exporter.rows import Delivery, Job, Result, Tally
from services.exporter.webhooks import Again, Delivered, Disabled
from shared.errors import Problem
from shared.events import ExportRequested, JobCompleted

DISAGREEMENT_SECONDS_MAX = 60
SECRET_OVERLAP = timedelta(hours=24)
EXTENSIONS = {"jpeg": "jpg"}
REFUSED_AT_ONCE = frozenset({"address_forbidden", "url_invalid"})

DelayBefore = Callable[[int, float, Again | None], float | None]
"""Seconds before an attempt (the first is 1), given a jitter of 0..1 and why the one before failed; None: no more."""


def standing(results: Iterable[Result]) -> list[Result]:
    """One result per image, in the order in which their rows are locked."""
    kept: dict[tuple[UUID, int], Result] = {}
    for result in results:
        key = (result.job_id, result.seq)
        if key not in kept or result.replaces(kept[key]):
            kept[key] = result
    return [kept[key] for key in sorted(kept)]


def image_name(image_id: UUID, format: str) -> str:
    """The file name by which the gateway serves a rendition."""
    return f"{image_id}.{EXTENSIONS.get(format, format)}"


def why_not_settled(event: JobCompleted, job: Job | None, tally: Tally, age_seconds: float) -> str | None:
    """What a run's webhook still waits for; None when it may leave.

    A later run may have changed the counts already; then, as in the first run, it is enough that every image ended.
    Counts that differ for long after everything else is here do not hold the webhook back: it quotes the event's.
    """
    if job is None or job.run < event.run:
        return "the run's submission has not arrived"
    if tally.total < event.images_total:
        return f"{event.images_total - tally.total} results have not arrived"
    counted = (event.images_succeeded, event.images_failed, event.images_cancelled)
    if counted == (tally.succeeded, tally.failed, tally.cancelled) or max(job.run, tally.run) > event.run:
        return None
    return None if age_seconds > DISAGREEMENT_SECONDS_MAX else "results of this run have not all arrived"


def why_not_covered(event: ExportRequested, job: Job | None, tally: Tally) -> str | None:
    """What an export still waits for; None when its results are all here.

    From the second run on, every image has a result before the run begins, so its completion is waited for.
    """
    if tally.total < event.images_total:
        return f"{event.images_total - tally.total} results have not arrived"
    if event.run > 1 and (job is None or job.completed_run < event.run):
        return f"run {event.run} has not completed"
    return None


def delivery_of(event: JobCompleted, job: Job) -> Delivery | None:
    """The message that a run's end is worth, the same however often it is asked for; None without a webhook."""
    if job.webhook_url is None:
        return None
    return Delivery(
        delivery_id=uuid5(event.job_id, f"delivery of run {event.run}"),
        account_id=event.account_id,
        job_id=event.job_id,
        run=event.run,
        message_id=f"msg_{uuid5(event.job_id, f'message of run {event.run}')}",
        url=job.webhook_url,
        body=webhooks.encode(payload_of(event)),
        secrets_sealed=job.secrets_sealed,
    )


def payload_of(event: JobCompleted) -> dict[str, object]:
    """What the webhook says: the six fields of the products door, or a Standard Webhooks payload for other kinds."""
    if event.kind == "products":
        return dict(
            webhooks.completed_payload(
                request_id=str(event.job_id),
                status=event.state,
                total_products=event.items_total,
                processed_products=event.items_ended,
                completed_at=event.completed_at,
            )
        )
    counts = event.model_dump(include={"images_total", "images_succeeded", "images_failed", "images_cancelled"})
    return {
        "type": "job.completed",
        "timestamp": event.completed_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"job_id": str(event.job_id), "kind": event.kind, "run": event.run, "status": event.state, **counts},
    }


def signing_secrets(sealed: str | None, changed_at: datetime | None, now: datetime) -> list[str]:
    """The sealed secrets that sign now: an account's older ones only for a day after the change.

    changed_at: None for a job's own secrets, which all sign.
    """
    secrets = (sealed or "").split()
    return secrets[:1] if changed_at is not None and now - changed_at > SECRET_OVERLAP else secrets


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a receiver: a status, or the problem of an attempt without one."""

    status: int | None = None
    problem: str | None = None
    detail: str = ""
    retry_after_seconds: float | None = None

    @classmethod
    def none(cls, problem: Problem) -> "Answer":
        """The receiver did not answer."""
        retry_after_seconds = getattr(problem, "retry_after_seconds", None)
        return cls(None, problem.problem, problem.detail, retry_after_seconds)


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a delivery after an attempt; `delay_seconds` is set while it is pending."""

    state: Literal["delivered", "pending", "abandoned"]
    problem: str | None = None
    detail: str = ""
    delay_seconds: float | None = None


def step_after(answer: Answer, attempt: int, jitter: float, delay_before: DelayBefore) -> Step:
    """Judge an attempt: delivered, tried again by the schedule, or abandoned.

    Abandoned: the schedule is spent, the receiver answered 410, or the guard forbids the address.
    """
    verdict = webhooks.judge(answer.status or answer.problem or "internal_error", answer.retry_after_seconds)
    if isinstance(verdict, Delivered):
        return Step("delivered")
    detail = answer.detail or f"The receiver answered {answer.status}."
    if isinstance(verdict, Disabled):
        return Step("abandoned", f"http_{answer.status}", detail)
    delay = None if verdict.problem in REFUSED_AT_ONCE else delay_before(attempt + 1, jitter, verdict)
    return Step("abandoned" if delay is None else "pending", verdict.problem, detail, delay)


def is_unasked(answer: Answer) -> bool:
    """Whether our own politeness kept the request back (the host is busy or paused): no attempt was made."""
    return answer.problem == "rate_limited"
