"""The stand-in itself, on a loopback port; see `ProviderServer`."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from tests.provider_servers import answers
from tests.provider_servers.behaviours import ANSWERS, HTTP_ERRORS, Behaviour, error_body
from tests.provider_servers.forms import complaint_about_gemini, complaint_about_vision

EVERY_KEY = "*"
REQUEST_BYTES_MAX = 30_000_000
HUGE_BYTES = 20_000_000
DRIP_SECONDS = 0.05


@dataclass(frozen=True)
class Call:
    """A call that arrived, and when, by a clock that only goes forward."""

    provider: str
    model: str
    key: str
    at: float
    kind: str


@dataclass
class ProviderServer:
    """Cloud Vision and Gemini at one URL.

    script: what each key's calls meet, one after the other, the last for ever; "*" stands for keys that are not named.
    keys: those that are known, when not all are. limit: calls that a key has in so many seconds before it is told 429.
    """

    script: dict[str, Sequence[Behaviour]] = field(default_factory=dict)
    keys: set[str] | None = None
    limit: tuple[int, float] | None = None
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    under_way: int = 0
    under_way_most: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def times(self, key: str) -> list[float]:
        """When calls of a key arrived."""
        return [call.at for call in self.calls if call.key == key]

    def most_in_any_window(self, key: str, seconds: float) -> int:
        """The most calls of a key within so many seconds."""
        times = self.times(key)
        return max((sum(start <= at < start + seconds for at in times) for start in times), default=0)

    def kinds(self) -> Mapping[str, list[str]]:
        """What each key's calls met."""
        met: dict[str, list[str]] = defaultdict(list)
        for call in self.calls:
            met[call.key].append(call.kind)
        return met

    async def answer_vision(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/images:annotate."""
        body = await _json(request)
        key = request.headers.get("X-Goog-Api-Key", "")
        behaviour = self._note(request, "google_vision", "images:annotate", key, complaint_about_vision(body))
        if behaviour.kind == "image_error":
            return web.json_response(answers.vision_image_error(behaviour.code))
        return await self._respond(request, key, behaviour, answers.vision_answer())

    async def answer_gemini(self, request: web.Request) -> web.StreamResponse:
        """POST /v1beta/models/{model}:generateContent."""
        body = await _json(request)
        key = request.headers.get("x-goog-api-key", "")
        model = request.match_info["model"]
        behaviour = self._note(request, "gemini", model, key, complaint_about_gemini(body))
        special = {
            "blocked": answers.gemini_blocked(),
            "max_tokens": answers.gemini_answer('{"store_image": true, "text_con', "MAX_TOKENS"),
            "empty": {"usageMetadata": {"promptTokenCount": 3}},
        }
        good = special.get(behaviour.kind) or answers.gemini_answer(behaviour.text)
        return await self._respond(request, key, behaviour, good)

    def _note(self, request: web.Request, provider: str, model: str, key: str, complaint: str | None) -> Behaviour:
        """Write the call down, and say what it is to meet."""
        if "key" in request.query:
            complaint = "the key is in the URL"
        if complaint:
            self.complaints.append(complaint)
        behaviour = Behaviour("rejected") if complaint else self._next(key)
        self.calls.append(Call(provider, model, key, time.monotonic(), behaviour.kind))
        self.arrived.set()
        return behaviour

    def _next(self, key: str) -> Behaviour:
        if not key or (self.keys is not None and key not in self.keys):
            return Behaviour("unknown_key")
        before = self.times(key)
        if self.limit and sum(at > time.monotonic() - self.limit[1] for at in before) >= self.limit[0]:
            return Behaviour("quota")
        script = self.script.get(key) or self.script.get(EVERY_KEY) or ANSWERS
        return script[min(len(before), len(script) - 1)]

    async def _respond(
        self, request: web.Request, key: str, behaviour: Behaviour, good: Mapping[str, Any]
    ) -> web.StreamResponse:
        self.under_way += 1
        self.under_way_most = max(self.under_way_most, self.under_way)
        try:
            if behaviour.seconds:
                await asyncio.sleep(behaviour.seconds)
            if behaviour.kind in HTTP_ERRORS:
                return _refuse(behaviour, key)
            return await self._send(request, behaviour, json.dumps(good).encode())
        finally:
            self.under_way -= 1

    async def _send(self, request: web.Request, behaviour: Behaviour, body: bytes) -> web.StreamResponse:
        match behaviour.kind:
            case "moved":
                return web.Response(status=302, headers={"Location": f"{self.url}/elsewhere"})
            case "garbage":
                return web.Response(body=b"<html>\xff\xfe bad gateway", content_type="text/html")
            case "misshapen":
                return web.json_response([{"responses": None}])
            case "encoded":
                return web.Response(body=body, headers={"Content-Encoding": "br", "Content-Type": "application/json"})
            case "huge":
                return web.Response(body=b" " * HUGE_BYTES + body, content_type="application/json")
            case "cut" | "closed" | "never" | "dripping":
                return await self._send_badly(request, behaviour.kind, body)
        return web.Response(body=body, content_type="application/json")

    async def _send_badly(self, request: web.Request, kind: str, body: bytes) -> web.StreamResponse:
        """Half of it and an end, nothing and an end, nothing at all, or a byte now and then."""
        assert request.transport is not None
        if kind == "never":
            await self.closing.wait()
        if kind in ("never", "closed"):
            request.transport.abort()
            return web.Response()
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
        await response.prepare(request)
        if kind == "dripping":
            for position in range(len(body)):
                await response.write(body[position : position + 1])
                await asyncio.sleep(DRIP_SECONDS)
            return response
        await response.write(body[: len(body) // 2])
        request.transport.close()
        return response


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        return None


def _refuse(behaviour: Behaviour, key: str) -> web.Response:
    headers = {} if behaviour.retry_after is None else {"Retry-After": f"{behaviour.retry_after:g}"}
    return web.json_response(error_body(behaviour.kind, key), status=HTTP_ERRORS[behaviour.kind][0], headers=headers)


def application(server: ProviderServer) -> web.Application:
    """Both providers, and under /_ what tests of whole systems steer them by."""

    async def calls(_: web.Request) -> web.Response:
        return web.json_response({"calls": [asdict(call) for call in server.calls], "complaints": server.complaints})

    async def told(request: web.Request) -> web.Response:
        """{"script": {key: [kind or behaviour]}, "keys": [...] or null, "limit": [calls, seconds] or null}."""
        said = await request.json()
        if "script" in said:
            server.script = {key: [Behaviour.of(each) for each in script] for key, script in said["script"].items()}
        if "keys" in said:
            server.keys = None if said["keys"] is None else set(said["keys"])
        if "limit" in said:
            server.limit = None if said["limit"] is None else (said["limit"][0], said["limit"][1])
        server.calls.clear()
        server.complaints.clear()
        return web.Response(status=204)

    made = web.Application(client_max_size=REQUEST_BYTES_MAX)
    made.router.add_post("/v1/images:annotate", server.answer_vision)
    made.router.add_post("/v1beta/models/{model}:generateContent", server.answer_gemini)
    made.router.add_get("/_calls", calls)
    made.router.add_put("/_told", told)
    return made


@asynccontextmanager
async def provider_server(port: int = 0, **told: Any) -> AsyncIterator[ProviderServer]:
    """Run a stand-in for as long as the context lasts."""
    server = ProviderServer(**told)
    runner = web.AppRunner(application(server), handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, taken = runner.addresses[0][:2]
    server.url = f"http://{host}:{taken}"
    try:
        yield server
    finally:
        server.closing.set()
        await runner.cleanup()
