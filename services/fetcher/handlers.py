"""What the fetcher does: bring an image's source into the blob store, once."""

import time
from datetime import UTC, datetime

from services.fetcher import store
from services.fetcher.ports import Ports
from services.fetcher.store import Fetch
from shared import gate
from shared.errors import Problem
from shared.events import Event, ImageFetched, ImageRequested
from shared.facts import Blob
from shared.outcome import Handler, Outcome, Service, attempt


async def on_image_requested(event: ImageRequested, ports: Ports) -> Outcome:
    """Download the source, unless it is in the blob store already, and announce what we got."""
    ports.gate.admit(event)
    started = time.perf_counter()
    known = event.source.blob or (await ports.claims.claim(event) if event.source.repeated else None)
    blob = known or await _download(event.source.url, ports)
    timeline = event.timeline.model_copy(
        update={
            "fetched_at": datetime.now(UTC),
            "fetch_seconds": round(time.perf_counter() - started, 4),
            "fetch_attempts": attempt.get(),
        }
    )
    return Outcome(
        record=[Fetch.found(event, blob)] if event.source.repeated and not known else (),
        emit=[ImageFetched.following(event, blob=blob, timeline=timeline)],
    )


async def _download(url: str, ports: Ports) -> Blob:
    with ports.blobs.staged() as path:
        found = await ports.web.download(url, into=path)
        picture = await ports.inspect(path, found.bytes)
        await ports.blobs.keep(path, found.digest)
    return Blob(
        digest=found.digest,
        size_bytes=found.bytes,
        format=picture.format,
        width=picture.width,
        height=picture.height,
    )


def gave_up(event: Event, problem: Problem, attempts: int) -> Outcome | None:
    """An image whose source cannot be had has failed, and so have those that wait for the same source."""
    outcome = gate.gave_up_on_image("fetch", event, problem, attempts)
    if isinstance(event, ImageRequested) and event.source.repeated and problem.problem != gate.CANCELLED:
        return Outcome(record=[Fetch.failed(event, problem)], emit=outcome.emit if outcome else ())
    return outcome


HANDLERS: dict[type[Event], Handler] = {ImageRequested: on_image_requested, **gate.HANDLERS}

SERVICE = Service("fetcher", HANDLERS, {Fetch: store.insert_fetches, **gate.RECORDERS}, gave_up)
