"""What the gateway learns from events: each becomes a row for the projection."""

from datetime import datetime
from typing import Any

from services.gateway.ports import Ports
from services.gateway.projection import RECORDERS
from services.gateway.store.deliveries import Attempt
from services.gateway.store.exports import ExportEnded
from services.gateway.store.images import ImageEnded
from services.gateway.store.reports import ReportEnded
from services.gateway.store.results import Result
from services.gateway.token_handlers import TOKEN_HANDLERS
from shared.errors import Problem
from shared.events import (
    Event,
    ExportCompleted,
    ExportFailed,
    ImageAnalyzed,
    ImageCancelled,
    ImageEnhanced,
    ImageEvent,
    ImageFailed,
    ServiceReported,
    WebhookAbandoned,
    WebhookDelivered,
    WebhookEvent,
    WebhookRefused,
)
from shared.outcome import Handler, Outcome, Service


async def on_image_enhanced(event: ImageEnhanced, ports: Ports) -> Outcome:
    """An image succeeded."""
    ended = ImageEnded(
        event.job_id,
        event.image_id,
        event.run,
        "succeeded",
        digest=event.rendition.digest,
        format=event.rendition.format,
        width=event.rendition.width,
        height=event.rendition.height,
        source_bytes=event.original.size_bytes,
        rendition_bytes=event.rendition.size_bytes,
        cache_hit=event.cache_hit,
        attempts=event.timeline.fetch_attempts,
        fetch_seconds=event.timeline.fetch_seconds,
        enhance_seconds=event.timeline.enhance_seconds,
        requested_at=event.timeline.requested_at,
        result=_result(event, event.ended_at),
    )
    return Outcome(record=[ended])


async def on_image_analyzed(event: ImageAnalyzed, ports: Ports) -> Outcome:
    """What an image shows is known."""
    facts = event.model_dump(include={"provider", "model", "key_hint", "cost_micros", "cache_hit"})
    ended = ImageEnded(
        event.job_id,
        event.image_id,
        event.run,
        "succeeded",
        source_bytes=event.original.size_bytes,
        cache_hit=event.cache_hit,
        attempts=event.timeline.fetch_attempts,
        fetch_seconds=event.timeline.fetch_seconds,
        enhance_seconds=event.timeline.enhance_seconds,
        requested_at=event.timeline.requested_at,
        result=_result(event, event.ended_at, **event.analysis.model_dump(), **facts),
    )
    return Outcome(record=[ended])


def _result(event: ImageEvent, ended_at: datetime | None, **facts: Any) -> Result | None:
    """What the batches door tells of a batch's image; None of others."""
    if event.kind != "batch":
        return None
    timeline = event.timeline
    return Result(
        image_id=event.image_id,
        job_id=event.job_id,
        account_id=event.account_id,
        seq=event.seq,
        run=event.run,
        url=event.source.url,
        success="problem" not in facts,
        processing_seconds=round((timeline.fetch_seconds or 0) + (timeline.enhance_seconds or 0), 4),
        created_at=ended_at or timeline.requested_at,
        **facts,
    )


async def on_image_failed(event: ImageFailed, ports: Ports) -> Outcome:
    """An image failed, and why."""
    ended = ImageEnded(
        event.job_id,
        event.image_id,
        event.run,
        "failed",
        problem=event.problem,
        detail=event.detail,
        attempts=event.attempts,
        requested_at=event.timeline.requested_at,
        result=_result(event, event.ended_at, problem=event.problem, detail=event.detail),
    )
    return Outcome(record=[ended])


async def on_image_cancelled(event: ImageCancelled, ports: Ports) -> Outcome:
    """Images were stopped on their way."""
    return Outcome(
        record=[
            ImageEnded(event.job_id, image.image_id, event.run, "cancelled", problem="cancelled")
            for image in event.images
        ]
    )


async def on_export_completed(event: ExportCompleted, ports: Ports) -> Outcome:
    """A file is ready."""
    facts: dict[str, Any] = {"digest": event.digest, "size_bytes": event.size_bytes, "rows": event.rows}
    if event.job_id is None:
        return Outcome(record=[ReportEnded(event.export_id, "completed", **facts)])
    return Outcome(record=[ExportEnded(event.export_id, event.job_id, "completed", **facts)])


async def on_export_failed(event: ExportFailed, ports: Ports) -> Outcome:
    """A file cannot be made."""
    facts: dict[str, Any] = {"problem": event.problem, "detail": event.detail}
    if event.job_id is None:
        return Outcome(record=[ReportEnded(event.export_id, "failed", **facts)])
    return Outcome(record=[ExportEnded(event.export_id, event.job_id, "failed", **facts)])


async def on_webhook_delivered(event: WebhookDelivered, ports: Ports) -> Outcome:
    """A receiver took a message."""
    return Outcome(record=[_attempt(event, "delivered")])


async def on_webhook_refused(event: WebhookRefused, ports: Ports) -> Outcome:
    """An attempt failed, and another one follows."""
    return Outcome(record=[_attempt(event, "pending")])


async def on_webhook_abandoned(event: WebhookAbandoned, ports: Ports) -> Outcome:
    """A message is not tried again."""
    return Outcome(record=[_attempt(event, "abandoned")])


async def on_service_reported(event: ServiceReported, ports: Ports) -> Outcome:
    """A process is alive."""
    return Outcome(record=[event])


def _attempt(event: WebhookEvent, state: str) -> Attempt:
    return Attempt(
        event.delivery_id,
        event.account_id,
        event.job_id,
        event.message_id,
        event.url,
        state,
        event.attempt,
        event.attempted_at,
        event.next_attempt_at if isinstance(event, WebhookRefused) else None,
        event.status,
        event.problem,
        event.detail,
    )


def gave_up(event: Event, problem: Problem, attempts: int) -> Outcome | None:
    """News that cannot be recorded stays among the dead letters, to be sent in again."""
    return None


HANDLERS: dict[type[Event], Handler] = {
    ImageEnhanced: on_image_enhanced,
    ImageAnalyzed: on_image_analyzed,
    ImageFailed: on_image_failed,
    ImageCancelled: on_image_cancelled,
    **TOKEN_HANDLERS,
    ExportCompleted: on_export_completed,
    ExportFailed: on_export_failed,
    WebhookDelivered: on_webhook_delivered,
    WebhookRefused: on_webhook_refused,
    WebhookAbandoned: on_webhook_abandoned,
    ServiceReported: on_service_reported,
}

SERVICE = Service("gateway", HANDLERS, RECORDERS, gave_up)
