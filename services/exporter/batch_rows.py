"""What the exporter records of batches, as plain rows, and what an image's event is worth as one."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events import ImageAnalyzed, ImageEnhanced, ImageFailed, JobCloned, JobDeleted

SECONDS_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What an image of a batch showed in a run, or why that is not known. `carried`: a JSON array of texts."""

    job_id: UUID
    seq: int
    run: int
    account_id: str
    image_id: UUID
    url: str
    success: bool
    processing_seconds: float
    carried: str
    ended_at: datetime
    store_image: bool = False
    text_content: str = ""
    store_name: str = ""
    business_contact: str = ""
    image_description: str = ""
    problem: str | None = None
    detail: str | None = None
    provider: str | None = None
    model: str | None = None
    key_hint: str | None = None
    cost_micros: int = 0
    cache_hit: bool = False


@dataclass(frozen=True, slots=True)
class Clone:
    """A job that takes over what is known of another one's images."""

    job_id: UUID
    account_id: str
    original_id: UUID
    results_copied: int
    stretches: str | None = None  # a multirange of `seq`


@dataclass(frozen=True, slots=True)
class Deletion:
    """A job of which nothing is to be left."""

    job_id: UUID
    account_id: str


def findings_of_analyzed(event: ImageAnalyzed) -> list[Finding]:
    """What a batch's image showed; nothing of other kinds."""
    return _findings(
        event,
        success=True,
        **{name: plain(text) if isinstance(text, str) else text for name, text in event.analysis.model_dump().items()},
        **event.model_dump(include={"provider", "model", "key_hint", "cost_micros", "cache_hit"}),
    )


def findings_of_enhanced(event: ImageEnhanced) -> list[Finding]:
    """A batch's image that was only kept or changed, not looked into; nothing of other kinds."""
    return _findings(event, success=True, cache_hit=event.cache_hit)


def findings_of_failed(event: ImageFailed) -> list[Finding]:
    """Why nothing is known of a batch's image; nothing of other kinds."""
    return _findings(event, success=False, problem=event.problem, detail=plain(event.detail))


def clone_of(event: JobCloned) -> Clone:
    """The row of a clone."""
    stretches = None
    if event.stretches is not None:
        stretches = "{" + ",".join(f"[{first},{last}]" for first, last in event.stretches) + "}"
    return Clone(event.job_id, event.account_id, event.original_id, event.results_copied, stretches)


def deletion_of(event: JobDeleted) -> Deletion:
    """The row of a deletion."""
    return Deletion(event.job_id, event.account_id)


def plain(text: str) -> str:
    """The text without NUL, which Postgres takes nowhere."""
    return text.replace("\0", "")


def _findings(event: ImageAnalyzed | ImageEnhanced | ImageFailed, **facts: Any) -> list[Finding]:
    if event.kind != "batch":
        return []
    timeline = event.timeline
    found = Finding(
        job_id=event.job_id,
        seq=event.seq,
        run=event.run,
        account_id=event.account_id,
        image_id=event.image_id,
        url=event.source.url,
        processing_seconds=round((timeline.fetch_seconds or 0) + (timeline.enhance_seconds or 0), SECONDS_DIGITS),
        carried=json.dumps([plain(text) for text in event.label.carried], ensure_ascii=False),
        ended_at=event.ended_at or timeline.requested_at,
        **facts,
    )
    return [found]
