"""Every event: the vocabulary of the system. What happened is said here once, and nowhere else.

An event's `type` is its routing key and its schema's name. Field changes are additive within a version; a change of
meaning is a new class with the next version. Image events carry what the next service needs, so that nobody has to ask.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import Field

from shared.facts import (
    Analysis,
    Blob,
    Event as Event,
    JobKind,
    Label,
    Recipe,
    Source,
    StoppedImage,
    Timeline,
    Webhook,
)
from shared.outgoing_events import (
    ExportCompleted as ExportCompleted,
    ExportFailed as ExportFailed,
    ExportRequested as ExportRequested,
    ReportRequested as ReportRequested,
    SecretRotated as SecretRotated,
    WebhookAbandoned as WebhookAbandoned,
    WebhookDelivered as WebhookDelivered,
    WebhookEvent as WebhookEvent,
    WebhookRefused as WebhookRefused,
    WebhookRequested as WebhookRequested,
)
from shared.reports import ReportFilters as ReportFilters, ReportSection as ReportSection, ReportSort as ReportSort
from shared.token_events import (
    AccountOpened as AccountOpened,
    AuditCompleted as AuditCompleted,
    AuditRequested as AuditRequested,
    GrantReason as GrantReason,
    GrantRequested as GrantRequested,
    RegenerationRequested as RegenerationRequested,
    TokenEvent as TokenEvent,
    TokensCaptured as TokensCaptured,
    TokensDeclined as TokensDeclined,
    TokensGranted as TokensGranted,
    TokensHeld as TokensHeld,
    TokensVoided as TokensVoided,
)


class ImageEvent(Event):
    """What every event about one image carries along."""

    account_id: str
    job_id: UUID
    kind: JobKind
    run: int = Field(1, description="which run of the job; a retry of failed images is the next run")
    image_id: UUID
    seq: int = Field(description="0-based place in the job")
    label: Label
    source: Source
    recipe: Recipe
    price_tokens: int = 0
    timeline: Timeline

    @classmethod
    def following(cls, event: "ImageEvent", **facts: Any) -> Self:
        """The event that follows `event` for the same image, with further facts."""
        inherited = {name: getattr(event, name) for name in ImageEvent.model_fields}
        return cls.model_validate({**inherited, **facts})


class ImageRequested(ImageEvent):
    """An image may enter the pipeline."""

    type: ClassVar[str] = "image.requested.v1"


class ImageFetched(ImageEvent):
    """An image's source is in the blob store."""

    type: ClassVar[str] = "image.fetched.v1"
    blob: Blob


class ImageEnhanced(ImageEvent):
    """An image's rendition is in the blob store: it succeeded."""

    type: ClassVar[str] = "image.enhanced.v1"
    original: Blob
    rendition: Blob
    cache_hit: bool = False
    ended_at: datetime | None = None


class ImageAnalyzed(ImageEvent):
    """What an image shows is known: it succeeded."""

    type: ClassVar[str] = "image.analyzed.v1"
    original: Blob
    analysis: Analysis
    provider: str = Field(description="who analysed it: the recipe may leave the choice to the enhancer")
    model: str = Field("", description="the provider's model, or the local analyser's version")
    key_hint: str | None = Field(None, description="the last four characters of the provider's key that was used")
    cost_micros: int = Field(0, description="what the provider charges for it, in millionths of a US dollar")
    cache_hit: bool = False
    ended_at: datetime


class ImageFailed(ImageEvent):
    """An image will not succeed in this run, and why."""

    type: ClassVar[str] = "image.failed.v1"
    stage: Literal["fetch", "enhance"]
    problem: str
    detail: str = ""
    attempts: int = 1
    ended_at: datetime | None = None


class ImageCancelled(Event):
    """Images of one job that will never run."""

    type: ClassVar[str] = "image.cancelled.v1"
    account_id: str
    job_id: UUID
    kind: JobKind
    run: int = 1
    price_tokens: int = 0
    images: tuple[StoppedImage, ...]


class JobSubmitted(Event):
    """A job, or a further run of one, was accepted."""

    type: ClassVar[str] = "job.submitted.v1"
    account_id: str
    job_id: UUID
    kind: JobKind
    run: int = 1
    recipe: Recipe
    images_total: int
    price_tokens: int = Field(0, description="tokens per image that succeeds")
    webhook: Webhook | None = None
    name: str = Field("", description="what people call the job")
    columns: tuple[str, ...] = Field((), description="names of what its labels carry")


class JobCloned(Event):
    """A job was made of another one's images, and takes over results of theirs.

    The image at `seq` has the same URL and label in both; its id in the new job is `cloned_id(job_id, seq)`.
    """

    type: ClassVar[str] = "job.cloned.v1"
    account_id: str
    job_id: UUID
    original_id: UUID
    results_copied: int
    stretches: tuple[tuple[int, int], ...] | None = Field(
        None, description="where these results are: first and last `seq` of each stretch; None: wherever there are some"
    )


class JobDeleted(Event):
    """A job and all that came of it is gone."""

    type: ClassVar[str] = "job.deleted.v1"
    account_id: str
    job_id: UUID


class JobControl(Event):
    """What every event that steers a job carries; a higher version is newer."""

    account_id: str
    job_id: UUID
    version: int
    run: int | None = Field(None, description="a cancellation: this run and earlier ones; None: all")


class JobPaused(JobControl):
    """Images of the job wait until it is resumed."""

    type: ClassVar[str] = "job.paused.v1"


class JobResumed(JobControl):
    """Images of the job go on."""

    type: ClassVar[str] = "job.resumed.v1"


class JobCancelled(JobControl):
    """Nothing more is to be spent on the job's images."""

    type: ClassVar[str] = "job.cancelled.v1"


class JobCompleted(Event):
    """Every image of the run has ended."""

    type: ClassVar[str] = "job.completed.v1"
    account_id: str
    job_id: UUID
    kind: JobKind
    run: int = 1
    state: Literal["completed", "failed", "cancelled"]
    images_total: int
    images_succeeded: int
    images_failed: int
    images_cancelled: int
    items_total: int
    items_ended: int
    completed_at: datetime


class ServiceReported(Event):
    """A service's process is alive, and what stands in its outbox; said every few seconds."""

    type: ClassVar[str] = "service.reported.v1"
    service: str
    instance_id: UUID
    version: str
    started_at: datetime
    reported_at: datetime
    outbox_rows: int = Field(description="not published yet, retries that wait for their time not counted")
    outbox_oldest_at: datetime | None = None
    retries_waiting: int = 0
    settings: dict[str, str] = Field(default_factory=dict, description="those that matter to operators; no secrets")


def _declared(event: type[Event]) -> list[type[Event]]:
    below = [found for child in event.__subclasses__() for found in _declared(child)]
    return ([event] if "type" in event.__dict__ else []) + below


EVENTS: dict[str, type[Event]] = {event.type: event for event in _declared(Event)}
