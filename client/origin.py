"""A web site of drawn pictures, with every kind of bad one beside them: what the demo, tests and benchmarks fetch from.

    /photos/<seed>-<width>x<height>.<jpg|png|webp|gif>   a picture; `?variant=7` the same pixels as a different file
                                                         (jpg, png), `?orientation=6`, `?transparent=1`, `?quality=60`
    /missing.jpg          404                            /status/<code>/<anything>    that status
    /broken.jpg           half of a jpeg                 /not-an-image.jpg, /empty.jpg, /drawing.svg
    /incomplete.jpg       ends before its length         /stalled.jpg                 never ends
    /encoded.jpg          gzip though nobody asked       /huge.jpg                    1 GiB that begins as a jpeg
    /redirect/<hops>/<rest>?to=http://elsewhere          302 that often, then the rest (or always `to`)
    /slow/<rest>?delay_ms=100                            later, then the rest
    /flaky/<times>/<rest>?retry_after=1&status=503       refuses each URL that often, then the rest
    /counts               how often each target was requested: {"/photos/1-8x8.jpg": 2}
    /load                 {"requests", "in_flight", "in_flight_max"}

`python -m client.origin --port 0` prints {"url": "http://127.0.0.1:…"} when it is ready.
"""

import asyncio
import gzip
import re
from collections import Counter
from collections.abc import Awaitable, Iterator
from functools import cache
from typing import Annotated

import typer
import uvloop

from client.local_server import Request, Response, json_response, serve_until_stopped
from client.photo_cache import CONTENT_TYPES, Photo, PhotoCache
from client.pictures import draw, stamp

CACHE_BYTES_MAX = 256 * 1024 * 1024
COUNTED_TARGETS_MAX = 1_000_000
PHOTO_PIXELS_MAX = 64_000_000
HUGE_BYTES = 1024 * 1024 * 1024
CHUNK_BYTES = 64 * 1024

_PHOTO = re.compile(r"/photos/(\d{1,18})-(\d{1,5})x(\d{1,5})\.(jpg|jpeg|png|webp|gif)")
_NESTED = re.compile(r"/(status|redirect|flaky)/(\d{1,3})(/.*)?|/(slow)()(/.*)")

Answer = Response | Awaitable[Response]


class Origin:
    """The site: pass `respond` to a server. delay_seconds: how late every answer but the counters comes."""

    def __init__(self, delay_seconds: float = 0.0) -> None:
        self.counts: Counter[str] = Counter()
        self.in_flight = 0
        self.in_flight_max = 0
        self._delay_seconds = delay_seconds
        self._refusals: Counter[str] = Counter()
        self._photos = PhotoCache(CACHE_BYTES_MAX)

    def respond(self, request: Request) -> Answer:
        """Count the request and answer it."""
        if request.path == "/counts":
            return json_response(self.counts)
        if request.path == "/load":
            load = {"requests": self.counts.total(), "in_flight": self.in_flight, "in_flight_max": self.in_flight_max}
            return json_response(load)
        known = request.target in self.counts or len(self.counts) < COUNTED_TARGETS_MAX
        self.counts[request.target if known else "(others)"] += 1
        answer = self._delayed(request, self._delay_seconds) if self._delay_seconds else self._route(request)
        if isinstance(answer, Response):
            self.in_flight_max = max(self.in_flight_max, self.in_flight + 1)
            return answer
        return self._watched(answer)

    async def _watched(self, answer: Awaitable[Response]) -> Response:
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            return await answer
        finally:
            self.in_flight -= 1

    async def _delayed(self, request: Request, seconds: float) -> Response:
        await asyncio.sleep(seconds)
        answer = self._route(request)
        return answer if isinstance(answer, Response) else await answer

    def _route(self, request: Request) -> Answer:
        if match := _PHOTO.fullmatch(request.path):
            return self._photo(request, match)
        if match := _NESTED.fullmatch(request.target):
            return self._nested(request, match)
        if request.path == "/huge.jpg":
            declared = HUGE_BYTES if "declared" in request.query else None
            return Response(content_type="image/jpeg", stream=_huge(), declared_bytes=declared)
        return _odd_files().get(request.path, Response(404, b"no such picture"))

    def _nested(self, request: Request, match: re.Match[str]) -> Answer:
        kind, number, rest = match[1] or match[4], int(match[2] or 0), match[3] or match[6] or "/"
        inner = request._replace(target=rest)
        if kind == "slow":
            return self._delayed(inner, float(request.query.get("delay_ms", "100")) / 1000)
        if kind == "status":
            return Response(number, b"as you asked")
        if kind == "redirect" and number:
            onward = f"/redirect/{number - 1}{rest}" if number > 1 else rest
            return Response(302, headers=(("Location", request.query.get("to", onward)),))
        if kind == "flaky" and self._refusals[request.target] < number:
            self._refusals[request.target] += 1
            return _refusal(request.query)
        return self._route(inner)

    def _photo(self, request: Request, match: re.Match[str]) -> Answer:
        query = request.query if "?" in request.target else {}
        photo = Photo(
            int(match[1]),
            int(match[2]),
            int(match[3]),
            match[4],
            int(query.get("quality", "85")),
            int(query.get("orientation", "1")),
            "transparent" in query,
        )
        if not 0 < photo.width * photo.height <= PHOTO_PIXELS_MAX:
            return Response(404, b"too large to draw")
        validator = f'"{request.target}"'
        if request.headers.get("if-none-match") == validator:
            return Response(304, headers=(("ETag", validator),))
        encoded = self._photos.find(photo)
        if encoded is None:
            return self._drawn(photo, query.get("variant"), validator)
        return _photo_response(photo, encoded, query.get("variant"), validator)

    async def _drawn(self, photo: Photo, variant: str | None, validator: str) -> Response:
        try:
            return _photo_response(photo, await self._photos.draw(photo), variant, validator)
        except ValueError as error:
            return Response(400, str(error).encode())


def _photo_response(photo: Photo, encoded: bytes, variant: str | None, validator: str) -> Response:
    body = stamp(encoded, f"variant {variant}") if variant is not None else encoded
    return Response(body=body, content_type=CONTENT_TYPES[photo.extension], headers=(("ETag", validator),))


def _refusal(query: dict[str, str]) -> Response:
    headers = (("Retry-After", query["retry_after"]),) if "retry_after" in query else ()
    return Response(int(query.get("status", "503")), b"not yet", headers=headers)


def _huge() -> Iterator[bytes]:
    start = _odd_files()["/broken.jpg"].body[:CHUNK_BYTES]
    yield start + bytes(CHUNK_BYTES - len(start))
    for _ in range(HUGE_BYTES // CHUNK_BYTES - 1):
        yield bytes(CHUNK_BYTES)


@cache
def _odd_files() -> dict[str, Response]:
    """The files that are not what their names say."""
    picture = draw(1, 640, 480)
    half, jpeg = picture[: len(picture) // 2], "image/jpeg"
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
    return {
        "/broken.jpg": Response(body=half, content_type=jpeg),
        "/not-an-image.jpg": Response(body=b"<!doctype html><title>Sorry</title>", content_type=jpeg),
        "/empty.jpg": Response(content_type=jpeg),
        "/drawing.svg": Response(body=drawing, content_type="image/svg+xml"),
        "/incomplete.jpg": Response(body=half, content_type=jpeg, declared_bytes=len(picture), close=True),
        "/stalled.jpg": Response(body=half, content_type=jpeg, declared_bytes=len(picture)),
        "/encoded.jpg": Response(
            body=gzip.compress(picture), content_type=jpeg, headers=(("Content-Encoding", "gzip"),)
        ),
    }


def main(
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    delay_ms: Annotated[float, typer.Option(help="How late every answer comes.")] = 0.0,
) -> None:
    """Serve drawn pictures, good and bad."""
    uvloop.run(serve_until_stopped(Origin(delay_ms / 1000).respond, host, port))


if __name__ == "__main__":
    typer.run(main)
