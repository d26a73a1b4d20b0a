"""What the exporter records, as plain rows, and what an image's event is worth as one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from services.exporter.batch_rows import plain
from shared.events import ImageAnalyzed, ImageCancelled, ImageEnhanced, ImageFailed, JobSubmitted
from shared.facts import StoppedImage

State = Literal["succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Result:
    """How one image ended in a run."""

    job_id: UUID
    seq: int
    run: int
    account_id: str
    image_id: UUID
    item: int
    item_key: str
    item_name: str
    position: int
    item_size: int
    source_url: str
    state: State
    blob: str | None = None
    format: str | None = None
    problem: str | None = None
    detail: str | None = None
    attempts: int = 0
    source_bytes: int | None = None
    output_bytes: int | None = None

    def replaces(self, earlier: "Result") -> bool:
        """Whether this outcome stands instead: that of a later run always, also instead of a success.

        Within a run the first one stands, but a cancellation is for good: what else is heard of the same run, before
        it or after it, came too late.
        """
        return earlier.run < self.run or (self.state == "cancelled" and earlier.run == self.run)


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of a job. `secrets_sealed`: its own; None: its account's sign. `columns`: a JSON array of texts."""

    job_id: UUID
    account_id: str
    kind: str
    run: int
    images_total: int
    webhook_url: str | None = None
    secrets_sealed: str | None = None
    completed_run: int = 0
    columns: str = "[]"


@dataclass(frozen=True, slots=True)
class Secrets:
    """An account's sealed webhook secrets, the newest first, separated by spaces; a higher version is newer."""

    account_id: str
    version: int
    secrets_sealed: str


@dataclass(frozen=True, slots=True)
class Completion:
    """All results of a run are here."""

    job_id: UUID
    run: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook message to one receiver."""

    delivery_id: UUID
    account_id: str
    job_id: UUID
    run: int
    message_id: str
    url: str
    body: bytes
    secrets_sealed: str | None


@dataclass(frozen=True, slots=True)
class Resend:
    """Somebody wants a job's newest message sent once more."""

    delivery_id: UUID
    account_id: str
    job_id: UUID


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was built; a report is of no one job's run."""

    export_id: UUID
    account_id: str
    job_id: UUID | None
    run: int | None
    format: str
    layout: str
    digest: str
    size_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many images of a job ended how, and the latest run that any of them ended in."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    run: int = 0

    @property
    def total(self) -> int:
        """Images that have ended."""
        return self.succeeded + self.failed + self.cancelled


def result_of_enhanced(event: ImageEnhanced) -> Result:
    """The row of an image that succeeded."""
    return Result(
        **_facts(event, event),
        state="succeeded",
        blob=event.rendition.digest,
        format=event.rendition.format,
        attempts=max(event.timeline.fetch_attempts, event.timeline.enhance_attempts, 1),
        source_bytes=event.original.size_bytes,
        output_bytes=event.rendition.size_bytes,
    )


def result_of_analyzed(event: ImageAnalyzed) -> Result:
    """The row of an image that was looked into; there is no rendition of it."""
    return Result(
        **_facts(event, event),
        state="succeeded",
        attempts=max(event.timeline.fetch_attempts, event.timeline.enhance_attempts, 1),
        source_bytes=event.original.size_bytes,
    )


def result_of_failed(event: ImageFailed) -> Result:
    """The row of an image that did not."""
    return Result(
        **_facts(event, event),
        state="failed",
        problem=event.problem,
        detail=plain(event.detail),
        attempts=event.attempts,
    )


def results_of_cancelled(event: ImageCancelled) -> Iterator[Result]:
    """The rows of images that will never run."""
    for image in event.images:
        yield Result(
            **_facts(event, image), state="cancelled", problem="cancelled", detail="The job was cancelled.", attempts=0
        )


def job_of(event: JobSubmitted) -> Job:
    """The row of a job; only secrets that are its own are kept with it."""
    webhook = event.webhook
    return Job(
        job_id=event.job_id,
        account_id=event.account_id,
        kind=event.kind,
        run=event.run,
        images_total=event.images_total,
        webhook_url=webhook.url if webhook else None,
        secrets_sealed=" ".join(webhook.secrets_sealed) if webhook and webhook.own_secret else None,
        columns=json.dumps([plain(name) for name in event.columns], ensure_ascii=False),
    )


def secrets_of(event: JobSubmitted) -> list[Secrets]:
    """The account's secrets, when the job's webhook names them."""
    webhook = event.webhook
    if webhook is None or webhook.own_secret or not webhook.secrets_sealed:
        return []
    return [Secrets(event.account_id, webhook.secrets_version, " ".join(webhook.secrets_sealed))]


def _facts(
    event: ImageEnhanced | ImageAnalyzed | ImageFailed | ImageCancelled,
    image: ImageEnhanced | ImageAnalyzed | ImageFailed | StoppedImage,
) -> dict[str, Any]:
    label = image.label
    return {
        "job_id": event.job_id,
        "seq": image.seq,
        "run": event.run,
        "account_id": event.account_id,
        "image_id": image.image_id,
        "item": label.item,
        "item_key": label.key,
        "item_name": label.name,
        "position": label.position,
        "item_size": label.size,
        "source_url": image.source.url,
    }
