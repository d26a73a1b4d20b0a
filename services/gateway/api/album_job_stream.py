"""The albums door: news of a job as Server-Sent Events, until it has ended."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sse_starlette.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from services.gateway.album_jobs import Named, find_named
from services.gateway.api.album_job_views import TooManyStreams, news_view
from services.gateway.api.album_jobs import UNKNOWN, named_job
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.ports import Ports
from services.gateway.streams import Streams

router = APIRouter(tags=["enhancements"], prefix="/api/jobs")

NEWS_SECONDS = 0.2
SAID_AGAIN_SECONDS = 3
PENDING_SAID_AGAIN_SECONDS = 5
CONNECTED = {"type": "connected", "message": "Connected to job status stream"}
NEWS_EXAMPLE = (
    'data: {"type": "connected", "message": "Connected to job status stream"}\r\n\r\n'
    'data: {"type": "status", "status": "PROCESSING", "currentStage": "GENERATING", "enhancedUrl": null, ...}\r\n\r\n'
)


class SeatedStream(EventSourceResponse):
    """A stream whose seat is given back when it ends, however it ends."""

    def __init__(self, content: AsyncIterator[dict[str, str]], give_back: Callable[[], None]) -> None:
        super().__init__(content, ping=15)
        self._give_back = give_back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._give_back()


@router.get(
    "/{job_id}/stream",
    summary="A job's progress as Server-Sent Events",
    response_class=EventSourceResponse,
    responses={
        **UNKNOWN,
        200: {"content": {"text/event-stream": {"example": NEWS_EXAMPLE}}, "description": "News"},
        429: {"model": TooManyStreams, "description": "Too many calls, or too many open streams"},
    },
)
async def stream_job(
    job_id: str, request: Request, account_id: str = KeyedAccountOf, ports: Ports = PortsOf
) -> Response:
    """A message at every change, and every few seconds without one, until the job or the whole batch has ended."""
    named = await named_job(ports, account_id, job_id)
    streams: Streams = request.app.state.streams
    give_back = streams.take(account_id)
    if give_back is None:
        refusal = {"error": "Too many open streams", "message": f"At most {streams.most} may be open at once"}
        return JSONResponse(refusal, 429, {"Retry-After": str(SAID_AGAIN_SECONDS)})
    return SeatedStream(_news(ports, account_id, job_id, named), give_back)


async def _news(ports: Ports, account_id: str, job_id: str, named: Named) -> AsyncIterator[dict[str, str]]:
    yield _message(CONNECTED)
    last: dict[str, Any] | None = None
    said_at = 0.0
    async for _ in ports.live.changes(named.job_id, at_most_every_seconds=NEWS_SECONDS):
        async with ports.database.connection() as connection:
            found = (await find_named(connection, account_id, [job_id])).get(job_id)
        if found is None:
            return
        news, now = news_view(found, ports.settings.public_url), time.monotonic()
        if news != last or now - said_at >= _again_seconds(found):
            yield _message(news)
            last, said_at = news, now
        if found.has_ended:
            return


def _again_seconds(named: Named) -> float:
    return PENDING_SAID_AGAIN_SECONDS if named.status == "PENDING" else SAID_AGAIN_SECONDS


def _message(body: dict[str, Any]) -> dict[str, str]:
    return {"data": json.dumps(body)}
