"""A real HTTP server that misbehaves in every way that a stranger's may; the path of the URL chooses how."""

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

BODY = bytes(range(256)) * 16
OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
REFUSE_REUSE = b"Connection: close\r\n"


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes
    target: str  # path and query exactly as they were sent


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class HostileOrigin:
    """The server's address and everything it was asked so far."""

    host: str
    scheme: str
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    under_way: int = 0
    under_way_most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)  # `/gated` answers when this is set
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))  # one per request

    def url(self, path: str) -> str:
        """Return the URL of a behaviour."""
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                await self._answer(await _read_request(reader), writer)
        writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        self.under_way += 1
        self.under_way_most = max(self.under_way_most, self.under_way)
        self.arrived.release()
        try:
            if request.path == "/gated":
                await self.gate.wait()
            behaviour = BEHAVIOURS.get(request.path, fine)
            await behaviour(request, writer)
            await writer.drain()
        finally:
            self.under_way -= 1


@asynccontextmanager
async def hostile_origin(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[HostileOrigin]:
    """Serve on a free port of a loopback address."""
    origin = HostileOrigin(host, "https" if tls else "http")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(origin.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield origin
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    method, target, _ = line.split(" ")
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, unquote(parts.path), query, headers, body, target)


def plain(body: bytes = BODY, head: bytes = OK) -> bytes:
    """Return a correct answer."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def simple(answer: bytes, *, then_close: bool = False) -> Behaviour:
    """Make a behaviour that writes these bytes."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if then_close:
            await writer.drain()
            writer.close()

    return behave


async def fine(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer as asked: `status`, `location`, `retry_after` and `etag` come from the query."""
    status = int(request.query.get("status", "200"))
    head = b"HTTP/1.1 %d Status\r\nContent-Type: image/jpeg\r\n" % status
    for parameter, name in (("location", "Location"), ("retry_after", "Retry-After"), ("etag", "ETag")):
        if parameter in request.query:
            head += f"{name}: {request.query[parameter]}\r\n".encode()
    writer.write(head + b"\r\n" if status in (204, 304) else plain(head=head))


async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
    """Say nothing, for ever."""
    await _for_ever()


async def stalled(request: Request, writer: asyncio.StreamWriter) -> None:
    """Stop in the middle of the body."""
    writer.write(OK + b"Content-Length: 4096\r\n\r\n" + BODY[:100])
    await _for_ever()


async def dripping(request: Request, writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, so that the line is never silent and the body never ends."""
    writer.write(OK + b"Content-Length: 4096\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def dripping_head(request: Request, writer: asyncio.StreamWriter) -> None:
    """Send a header now and then, and never the body."""
    writer.write(OK)
    while not writer.is_closing():
        writer.write(b"X-More: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def spoiled(request: Request, writer: asyncio.StreamWriter) -> None:
    """Break the chunked encoding after a good chunk."""
    writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + BODY + b"\r\n")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(b"zz\r\n" + BODY)


async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
    """Never stop sending chunks."""
    writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
    """Break the connection in the middle of a body of known length."""
    writer.write(OK + b"Content-Length: 4096\r\n\r\n" + BODY[:100])
    await _break(request, writer)


async def reset_undelimited(request: Request, writer: asyncio.StreamWriter) -> None:
    """Break the connection in the middle of a body that only its end would end."""
    writer.write(OK + REFUSE_REUSE + b"\r\n" + BODY[:100])
    await _break(request, writer)


async def reset_at_once(request: Request, writer: asyncio.StreamWriter) -> None:
    """Break the connection instead of answering."""
    await _break(request, writer)


async def _break(request: Request, writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    await asyncio.sleep(0.05)  # the first half must have arrived for this to be the middle
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _for_ever() -> None:
    """Wait until the server is closed."""
    await asyncio.get_running_loop().create_future()


def _flood(count: int, size: int) -> bytes:
    return OK + b"".join(b"X-%d: %s\r\n" % (number, b"y" * size) for number in range(count))


BEHAVIOURS: dict[str, Behaviour] = {
    "/silent": silent,
    "/stalled": stalled,
    "/dripping": dripping,
    "/dripping-head": dripping_head,
    "/chunk-spoiled": spoiled,
    "/endless": endless,
    "/reset": reset,
    "/reset-undelimited": reset_undelimited,
    "/reset-at-once": reset_at_once,
    "/empty": simple(plain(b"")),
    "/empty-undelimited": simple(OK + REFUSE_REUSE + b"\r\n", then_close=True),
    "/undelimited": simple(OK + REFUSE_REUSE + b"\r\n" + BODY, then_close=True),
    "/chunked": simple(OK + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "/too-short": simple(OK + b"Content-Length: 9000\r\n\r\n" + BODY, then_close=True),
    "/too-long": simple(OK + b"Content-Length: 100\r\n\r\n" + BODY, then_close=True),
    "/length-huge": simple(OK + b"Content-Length: 99999999999999\r\n\r\n" + BODY, then_close=True),
    "/length-nonsense": simple(OK + b"Content-Length: many\r\n\r\n" + BODY, then_close=True),
    "/two-lengths": simple(OK + b"Content-Length: 4096\r\n" + plain(head=b""), then_close=True),
    "/chunk-cut": simple(OK + b"Transfer-Encoding: chunked\r\n\r\n2000\r\n" + BODY, then_close=True),
    "/chunk-nonsense": simple(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY, then_close=True),
    "/gzip": simple(plain(gzip.compress(BODY), OK + b"Content-Encoding: gzip\r\n")),
    "/gzip-transfer": simple(OK + b"Transfer-Encoding: gzip\r\n\r\n" + gzip.compress(BODY), then_close=True),
    "/identity": simple(plain(head=OK + b"Content-Encoding: identity\r\n")),
    "/headers-many": simple(plain(head=_flood(1_000, 10)), then_close=True),
    "/headers-long": simple(plain(head=_flood(1, 100_000)), then_close=True),
    "/not-http": simple(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", then_close=True),
    "/closed-at-once": simple(b"", then_close=True),
    "/cookie": simple(plain(head=OK + b"Set-Cookie: session=stolen; Path=/\r\n")),
    "/redirect-nowhere": simple(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
    "/redirect-loop": simple(b"HTTP/1.1 302 Found\r\nLocation: /redirect-loop\r\nContent-Length: 0\r\n\r\n"),
    "/validator-odd": simple(plain(head=OK + b'ETag: "\xff\xfe' + b"e" * 1_000 + b'"\r\n')),
    "/reply-long": simple(plain(b"r" * 100_000, b"HTTP/1.1 500 Oops\r\n")),
}
