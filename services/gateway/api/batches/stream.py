"""The batches door: a batch's progress as Server-Sent Events, until it has ended."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
from fastapi import APIRouter, Request, Response
from sse_starlette.sse import EventSourceResponse

from services.gateway.api.album_job_stream import SeatedStream
from services.gateway.api.batches.answers import FOUND, errors, found_batch
from services.gateway.api.batches.views import progress_view
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.problems import Refused
from services.gateway.domain import ENDED_STATES
from services.gateway.ports import Ports
from services.gateway.store import batches
from services.gateway.streams import Streams

router = APIRouter(tags=["batches"], prefix="/api/v1/batches")

NEWS_SECONDS = 0.2
RETRY_SECONDS = "3"
FIGURES = ("status", "job_state", "next_seq", "images_succeeded", "images_failed", "images_cancelled")
"""What makes news; rates and estimates change all the time."""

NEWS_EXAMPLE = (
    'event: progress\r\ndata: {"batch_id": "...", "status": "processing", "processed_count": 750, ...}\r\n\r\n'
)


@router.get(
    "/{batch_id}/events",
    summary="A batch's progress as Server-Sent Events",
    response_class=EventSourceResponse,
    responses={
        **FOUND,
        200: {"content": {"text/event-stream": {"example": NEWS_EXAMPLE}}, "description": "News"},
        **errors({429: "Too many calls, or too many open streams"}),
    },
)
async def batch_events(
    batch_id: str, request: Request, account_id: str = AccountOf, ports: Ports = PortsOf
) -> Response:
    """An event `progress` with the data of /progress at every change, until an event `end`."""
    batch = await found_batch(ports, account_id, batch_id)
    streams: Streams = request.app.state.streams
    give_back = streams.take(account_id)
    if give_back is None:
        raise Refused(429, f"At most {streams.most} streams may be open at once", {"Retry-After": RETRY_SECONDS})
    return SeatedStream(_news(ports, batch), give_back)


async def _news(ports: Ports, batch: asyncpg.Record) -> AsyncIterator[dict[str, str]]:
    last, body, job_id = None, "", batch["job_id"]
    async for _ in ports.live.changes(job_id, at_most_every_seconds=NEWS_SECONDS):
        async with ports.database.connection() as connection:
            found = await batches.find_batch(connection, batch["account_id"], job_id)
        if found is None:  # it was deleted
            yield {"event": "end", "data": body}
            return
        body = json.dumps(progress_view(found, datetime.now(UTC)))
        if (figures := tuple(found[name] for name in FIGURES)) != last:
            yield {"event": "progress", "data": body}
            last = figures
        if found["job_state"] in ENDED_STATES:
            yield {"event": "end", "data": body}
            return
