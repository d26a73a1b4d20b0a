"""Pure ASGI middleware: what a request's rate limits have left goes into the headers of its answer, whatever it is."""

from collections.abc import Mapping

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATE = "rate_headers"


def note_headers(request: Request, headers: Mapping[str, str]) -> None:
    """Have the answer to this request carry the headers."""
    request.scope.setdefault("state", {}).setdefault(STATE, {}).update(headers)


def noted_headers(scope: Scope) -> dict[str, str]:
    """What was noted for this request's answer."""
    found: dict[str, str] = scope.get("state", {}).get(STATE, {})
    return found


class RateHeaders:
    """Adds what was noted while the request was worked on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(noted_headers(scope))
            await send(message)

        await self._app(scope, receive, with_headers)
