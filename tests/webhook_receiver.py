"""A webhook receiver that answers by a script: a real HTTP server on a loopback port."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

SILENCE = 0


@dataclass
class Receiver:
    """Answers each POST with the next status of the script, its last one for ever; SILENCE: never."""

    script: Sequence[int]
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        """Remember the message and answer."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append((headers, await request.read()))
        self.called.set()
        status = self.script[min(len(self.received), len(self.script)) - 1]
        if status == SILENCE:
            await self.closing.wait()
        return web.Response(status=status or 500, headers=self.headers)


@asynccontextmanager
async def receiver(*script: int, **headers: str) -> AsyncIterator[Receiver]:
    """Run a receiver for as long as the context lasts."""
    found = Receiver(script, {name.replace("_", "-"): value for name, value in headers.items()})
    application = web.Application()
    application.router.add_post("/hook", found.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    found.url = f"http://{host}:{port}/hook"
    try:
        yield found
    finally:
        found.closing.set()
        await runner.cleanup()
