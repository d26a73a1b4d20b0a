"""What the enhancer does: apply a job's recipe to a fetched image, once per content."""

import time
from datetime import UTC, datetime

from services.enhancer import analyzing, store
from services.enhancer.domain import fingerprint
from services.enhancer.ports import Ports
from services.enhancer.store import KeptAnalysis, Rendition
from shared import gate
from shared.errors import Problem
from shared.events import Event, ImageAnalyzed, ImageEnhanced, ImageFetched
from shared.facts import Blob, Timeline
from shared.outcome import Handler, Outcome, Recorder, Service, attempt


async def on_image_fetched(event: ImageFetched, ports: Ports) -> Outcome:
    """Do as the recipe says, or find that it was done before, and announce what came of it."""
    ports.gate.admit(event)
    if event.recipe.operation == "analyze":
        return await _analyze(event, ports)
    if event.recipe.operation == "copy":
        return _enhanced(event, event.blob, seconds=0.0)
    started = time.perf_counter()
    recipe = fingerprint(event.recipe.model_dump())
    made = await ports.made.find((event.blob.digest, recipe))
    if made is not None:
        return _enhanced(event, made, seconds=time.perf_counter() - started, cache_hit=True)
    blob = await _render(event, ports)
    outcome = _enhanced(event, blob, seconds=time.perf_counter() - started)
    return Outcome(record=[Rendition(event.blob.digest, recipe, blob)], emit=outcome.emit)


async def _analyze(event: ImageFetched, ports: Ports) -> Outcome:
    finding = await analyzing.find(event, ports)
    analyzed = ImageAnalyzed.following(
        event,
        original=event.blob,
        analysis=finding.analyzed.analysis,
        provider=finding.provider,
        model=finding.analyzed.model,
        key_hint=None if finding.again else finding.analyzed.key_hint,
        cost_micros=0 if finding.again else finding.analyzed.cost_micros,
        cache_hit=finding.again,
        ended_at=datetime.now(UTC),
        timeline=_timeline(event, finding.seconds),
    )
    return Outcome(record=[finding.kept] if finding.kept else (), emit=[analyzed])


async def _render(event: ImageFetched, ports: Ports) -> Blob:
    async with ports.blobs.local(event.blob.digest) as source:
        with ports.blobs.staged() as output:
            made = await ports.sandbox.render(source, output, event.recipe.model_dump())
            await ports.blobs.keep(output, made.digest)
    return Blob(digest=made.digest, size_bytes=made.bytes, format=made.format, width=made.width, height=made.height)


def _enhanced(event: ImageFetched, blob: Blob, *, seconds: float, cache_hit: bool = False) -> Outcome:
    enhanced = ImageEnhanced.following(
        event,
        original=event.blob,
        rendition=blob,
        cache_hit=cache_hit,
        ended_at=datetime.now(UTC),
        timeline=_timeline(event, seconds),
    )
    return Outcome(emit=[enhanced])


def _timeline(event: ImageFetched, seconds: float) -> Timeline:
    return event.timeline.model_copy(update={"enhance_seconds": round(seconds, 4), "enhance_attempts": attempt.get()})


def gave_up(event: Event, problem: Problem, attempts: int) -> Outcome | None:
    """An image that cannot be rendered or analysed has failed."""
    return gate.gave_up_on_image("enhance", event, problem, attempts)


HANDLERS: dict[type[Event], Handler] = {ImageFetched: on_image_fetched, **gate.HANDLERS}

RECORDERS: dict[type, Recorder] = {
    Rendition: store.insert_renditions,
    KeptAnalysis: store.insert_analyses,
    **gate.RECORDERS,
}

SERVICE = Service("enhancer", HANDLERS, RECORDERS, gave_up)
