"""A small HTTP/1.1 server for pictures and webhooks in the demo, tests and benchmarks: cheap enough not to be noticed.

It answers requests from a function: at once where the function returns a Response, later where it returns an awaitable.
Keep-alive and pipelining, bodies with Content-Length only. Not for strangers: it serves whoever reaches the port.
"""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import responses
from typing import NamedTuple, cast
from urllib.parse import parse_qsl

import typer

HEAD_BYTES_MAX = 32 * 1024
BODY_BYTES_MAX = 4 * 1024 * 1024

_HEADER = re.compile(rb"\r\n([^:\r\n]+):[ \t]*([^\r\n]*)")


class Request(NamedTuple):
    """A request as it came: `target` is the path with its query, header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The last value of each parameter."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True)
class Response:
    """What is sent: `body`, then the chunks of `stream` if any until they or the client's patience end.

    declared_bytes: a Content-Length other than the body's; the client then waits for what never comes, or with `close`
    sees the connection end too early. A stream without one ends with the connection.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    declared_bytes: int | None = None
    stream: Iterable[bytes] | None = None
    close: bool = False


Respond = Callable[[Request], Response | Awaitable[Response]]


def json_response(content: object, status: int = 200) -> Response:
    """The content as indented JSON."""
    return Response(status, json.dumps(content, indent=1).encode() + b"\n", "application/json")


@asynccontextmanager
async def serving(respond: Respond, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends; gives the address as `http://host:port`. Port 0 is any free one."""
    loop = asyncio.get_running_loop()
    connections: set[_Connection] = set()
    server = await loop.create_server(lambda: _Connection(respond, connections), host, port, backlog=1_024)
    try:
        bound_host, bound_port = server.sockets[0].getsockname()[:2]
        yield f"http://{bound_host}:{bound_port}"
    finally:
        server.close()
        for connection in tuple(connections):
            connection.end()


async def serve_until_stopped(respond: Respond, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; says {"url": …} on one line of standard output when ready."""
    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    async with serving(respond, host, port) as url:
        typer.echo(json.dumps({"url": url}))
        await stopped.wait()


class _Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other."""

    def __init__(self, respond: Respond, connections: "set[_Connection]") -> None:
        self._respond = respond
        self._connections = connections
        self._received = bytearray()
        self._writable = asyncio.Event()
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: nothing is sent yet."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the client and what was being prepared for it."""
        self._connections.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def pause_writing(self) -> None:
        """Hold a stream back: the client is slower than we are."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on with a stream."""
        self._writable.set()

    def end(self) -> None:
        """Drop the client now, whatever it waits for."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Collect bytes and answer what is complete."""
        self._received += data
        if self._answering is None:
            self._answer_next()
        elif len(self._received) > HEAD_BYTES_MAX + BODY_BYTES_MAX:
            self.end()

    def _answer_next(self) -> None:
        while not self._transport.is_closing() and self._answering is None:
            try:
                request = self._take_request()
            except _Refused as refused:
                self._send(Response(refused.status, close=True))
                return
            if request is None:
                return
            answer = self._respond(request)
            if isinstance(answer, Response) and answer.stream is None:
                self._send(answer, request.method)
            else:
                self._answering = asyncio.ensure_future(self._answer_later(answer, request.method))
                self._answering.add_done_callback(self._answered)

    async def _answer_later(self, answer: Response | Awaitable[Response], method: str) -> None:
        response = answer if isinstance(answer, Response) else await answer
        self._send(response, method)
        for chunk in response.stream if response.stream is not None and method != "HEAD" else ():
            await self._writable.wait()
            if self._transport.is_closing():
                return
            self._transport.write(chunk)
            await asyncio.sleep(0)  # a client that keeps up would otherwise hold all others back
        if response.stream is not None:
            self._transport.close()

    def _answered(self, answering: asyncio.Task[None]) -> None:
        self._answering = None
        if answering.cancelled():
            return
        if answering.exception() is not None:
            self.end()
            answering.result()  # raises: the loop reports it
        self._answer_next()

    def _send(self, response: Response, method: str = "GET") -> None:
        size = len(response.body) if response.declared_bytes is None else response.declared_bytes
        head = [
            f"HTTP/1.1 {response.status} {responses.get(response.status, 'Unnamed')}",
            f"Content-Type: {response.content_type}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        if response.stream is None or response.declared_bytes is not None:
            head.append(f"Content-Length: {size}")
        if response.close or response.stream is not None:
            head.append("Connection: close")
        start = "\r\n".join([*head, "", ""]).encode("latin-1")
        self._transport.write(start if method == "HEAD" else start + response.body)
        if response.close and response.stream is None:
            self._transport.close()

    def _take_request(self) -> Request | None:
        """The next request, taken from what was received, or None until it is complete."""
        end = self._received.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
        if end < 0:
            if len(self._received) >= HEAD_BYTES_MAX:
                raise _Refused(431)
            return None
        head = bytes(self._received[:end])
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3:
            raise _Refused(400)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in _HEADER.findall(head)}
        size = _body_size(headers)
        if len(self._received) < end + 4 + size:
            return None
        body = bytes(self._received[end + 4 : end + 4 + size])
        del self._received[: end + 4 + size]
        return Request(words[0], words[1], headers, body)


class _Refused(Exception):
    """A request that this server does not take."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _body_size(headers: dict[str, str]) -> int:
    declared = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not declared.isdecimal():
        raise _Refused(411)
    if int(declared) > BODY_BYTES_MAX:
        raise _Refused(413)
    return int(declared)
