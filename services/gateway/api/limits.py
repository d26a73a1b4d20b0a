"""Pure ASGI middleware: request bodies are counted as they arrive, and other sites' scripts are kept out."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.api.envelopes import error_at, is_albums, is_batches

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class _TooLarge(Exception):
    """The body is over the limit."""


@dataclass(frozen=True)
class BodyBytes:
    """How many bytes a body may have: `at` some paths, anything else at the albums door, and anywhere else."""

    at: Mapping[str, int]
    albums: int
    elsewhere: int

    def most(self, path: str) -> int:
        """The limit of a path."""
        usual = self.albums if is_albums(path) else self.elsewhere
        return min(self.at.get(path, usual), self.elsewhere)


class BodyLimit:
    """Answers 413 as soon as more of a body has come than its path allows, whatever Content-Length says."""

    def __init__(self, app: ASGIApp, limits: BodyBytes) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bytes_max = self._limits.most(scope["path"])
        received, more, started = 0, True, False

        async def counted() -> Message:
            nonlocal received, more
            message = await receive()
            received += len(message.get("body", b""))
            more = message.get("more_body", False)
            if received > bytes_max:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            if started or received <= bytes_max:  # else it is what a parser says to a body cut short
                started = True
                await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counted, noted)
        if received > bytes_max and not started:
            if more:
                await self._discard_rest(receive)
            refusal = error_at(scope["path"], 413, _said_of(scope["path"], bytes_max), {"Connection": "close"})
            await refusal(scope, receive, send)

    async def _discard_rest(self, receive: Receive) -> None:
        """Read on, as far again as is allowed: a caller that is cut off while it sends may never see the answer."""
        discarded, more = 0, True
        while more and discarded <= self._limits.elsewhere:
            message = await receive()
            discarded += len(message.get("body", b""))
            more = message.get("more_body", False)


def _said_of(path: str, bytes_max: int) -> str:
    megabytes = bytes_max // 1_000_000
    if is_batches(path):
        return f"File too large. Maximum size: {megabytes}MB"
    return f"The upload is larger than {megabytes} MB"


class SameSite:
    """Refuses what a page of another site would have a browser do here without a key: unsafe methods, foreign hosts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = dict(scope["headers"])
            origin = headers.get(b"origin", b"").decode("latin-1")
            if origin and urlsplit(origin).netloc != headers.get(b"host", b"").decode("latin-1"):
                refusal = error_at(scope["path"], 403, "Requests from other sites' pages are refused")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
