"""The guarded HTTP client: the only way to ask a URL that a stranger named (images, result links, webhooks).

Every hop is judged anew (shared/urls.py, shared/addresses.py) and asked politely (shared/politeness.py). A redirect
from https to http is followed: no request carries a credential, and many shops serve their pictures so.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import aiohttp

from shared.addresses import Allowance
from shared.answers import ANSWERS_WITH_A_BODY, REDIRECTS, check_head, keep_header, parse_retry_after, refusal, save
from shared.connections import JudgedNames, JudgedSockets, judged_request, problems_of
from shared.errors import Permanent
from shared.politeness import Hosts
from shared.resolving import Lookup, Names
from shared.urls import Target, judge_target, parse_redirect, parse_url, validate_url

__all__ = ["Allowance", "Downloaded", "GuardedClient", "Limits", "Reply", "validate_url"]

HEADERS_MAX = 100
HEADER_BYTES_MAX = 8_190
READ_BYTES = 262_144
DISCARDED_BYTES_MAX = 65_536  # of an unwanted body, read so that its connection can be used again
REPLY_BYTES_MAX = 1_024
HEADERS = {"User-Agent": "Darkroom/0.1", "Accept": "*/*", "Accept-Encoding": "identity"}
KEEPING: Mapping[str, str] = {}
CLOSING: Mapping[str, str] = {"Connection": "close"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how much and how many at a time; the last five belong to the client, not to a download."""

    connect_seconds: float = 5.0
    idle_seconds: float = 10.0  # between two arrivals of bytes
    total_seconds: float = 20.0  # of one download with its redirects, without waiting in line
    bytes_max: int = 50 * 1024 * 1024
    redirects_max: int = 5
    resolve_seconds: float = 5.0
    per_host_connections: int = 4
    connections: int = 256
    host_wait_seconds: float = 60.0  # in line for a host that is busy with our other requests
    hosts_max: int = 10_000


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A body that arrived whole and lies in a file (not yet flushed to the disk)."""

    path: Path
    bytes: int
    digest: str  # SHA-256, hexadecimal
    content_type: str | None
    url: str  # where the redirects ended
    validator: str | None  # ETag, else Last-Modified


@dataclass(frozen=True, slots=True)
class Reply:
    """What a webhook's receiver answered; any status, as the sender judges it."""

    status: int
    body_head: bytes  # the first kilobyte
    retry_after_seconds: float | None


class GuardedClient:
    """Downloads from and posts to URLs that strangers name; made by `open`, safe for many tasks at once."""

    def __init__(self, allowance: Allowance, limits: Limits, names: Names, tls: ssl.SSLContext | None) -> None:
        self._allowance = allowance
        self._limits = limits
        self._names = names
        self._sockets = JudgedSockets(allowance)
        self._hosts = Hosts(
            per_host=limits.per_host_connections,
            in_all=limits.connections,
            wait_seconds=limits.host_wait_seconds,
            hosts_max=limits.hosts_max,
        )
        connector = aiohttp.TCPConnector(
            limit=0,  # counted by Hosts, where waiting costs no deadline
            resolver=JudgedNames(names),
            use_dns_cache=False,
            socket_factory=self._sockets.make,
            ssl=tls or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            request_class=judged_request(allowance),
            read_bufsize=READ_BYTES,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            max_headers=HEADERS_MAX,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        allowance: Allowance | None = None,
        limits: Limits | None = None,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Self]:
        """Open a client; `lookup` replaces the system's resolver, `tls` its certificate authorities."""
        allowance, limits = allowance or Allowance(), limits or Limits()
        names = Names(allowance, seconds_max=limits.resolve_seconds, lookup=lookup)
        client = cls(allowance, limits, names, tls)
        try:
            yield client
        finally:
            await client._session.close()
            await names.close()

    async def download(self, url: str, *, into: Path, limits: Limits | None = None) -> Downloaded:
        """Bring the body of a URL into a new file; on any failure there is no file.

        Raises Transient or Permanent with a problem of the fetch vocabulary.
        """
        limits = limits or self._limits
        target = parse_url(url)
        seconds_left = limits.total_seconds
        for _ in range(limits.redirects_max + 1):
            await self._judge(target)
            async with self._hosts.visit(target.origin):
                started_at = time.monotonic()
                outcome = await self._fetch(target, into, limits, seconds_left)
                seconds_left -= time.monotonic() - started_at
            if isinstance(outcome, Downloaded):
                return outcome
            target = outcome
        raise Permanent("too_many_redirects", f"More than {limits.redirects_max} redirects.")

    async def post(self, url: str, *, body: bytes, headers: Mapping[str, str], total_seconds: float) -> Reply:
        """Send a body once and return whatever status comes back; redirects are answers, not followed.

        Raises Transient or Permanent when no answer came; how often to try is the caller's schedule.
        """
        target = parse_url(url)
        await self._judge(target)
        async with self._hosts.visit(target.origin):
            with problems_of(target.origin):
                async with (
                    asyncio.timeout(total_seconds),
                    self._session.post(
                        target.url,
                        data=body,
                        headers={**headers, **self._farewell()},
                        timeout=_timeouts(self._limits.connect_seconds, total_seconds),
                        allow_redirects=False,
                    ) as response,
                ):
                    head = await _read_head(response)
                    return Reply(response.status, head, self._heed_retry_after(target, response))

    async def _judge(self, target: Target) -> None:
        judge_target(target, self._allowance)
        if not target.is_address:
            await self._names.addresses(target.host, target.port)

    async def _fetch(self, target: Target, into: Path, limits: Limits, seconds: float) -> Downloaded | Target:
        """Ask once: the file, or where the host redirects to."""
        with problems_of(target.origin):
            async with (
                asyncio.timeout(seconds),
                self._session.get(
                    target.url,
                    headers=self._farewell(),
                    timeout=_timeouts(limits.connect_seconds, limits.idle_seconds),
                    allow_redirects=False,
                ) as response,
            ):
                if response.status in ANSWERS_WITH_A_BODY:
                    return await _save(response, target, into, limits.bytes_max)
                retry_after = self._heed_retry_after(target, response)
                await _discard(response)
                if response.status in REDIRECTS:
                    return _redirected(target, response)
                raise refusal(response.status, retry_after)

    def _farewell(self) -> Mapping[str, str]:
        """Keep no more connections open for reuse once as many are open as may be in use."""
        return CLOSING if self._sockets.open >= self._limits.connections else KEEPING

    def _heed_retry_after(self, target: Target, response: aiohttp.ClientResponse) -> float | None:
        """Read Retry-After; for 429 and 503 nobody asks this host before then."""
        seconds = parse_retry_after(response.headers.get("Retry-After"), time.time())
        if seconds is not None and response.status in (429, 503):
            self._hosts.pause(target.origin, seconds)
        return seconds


async def _save(response: aiohttp.ClientResponse, target: Target, into: Path, bytes_max: int) -> Downloaded:
    headers = response.headers
    check_head(headers, bytes_max)
    is_delimited = "Content-Length" in headers or "Transfer-Encoding" in headers
    chunks = response.content.iter_any() if is_delimited else _until_closed(response)
    saved = await save(chunks, into, bytes_max)
    return Downloaded(
        path=into,
        bytes=saved.bytes,
        digest=saved.digest,
        content_type=keep_header(headers.get("Content-Type")),
        url=str(target.url),
        validator=keep_header(headers.get("ETag") or headers.get("Last-Modified")),
    )


async def _until_closed(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield a body that only the end of its connection ends: a connection that broke is not an end."""
    protocol = response.connection.protocol if response.connection else None
    async for chunk in response.content.iter_any():
        yield chunk
    if protocol is not None and isinstance(protocol.exception(), OSError):
        raise aiohttp.ClientPayloadError("the connection broke")


async def _read_head(response: aiohttp.ClientResponse) -> bytes:
    """Read the first bytes of a body, of a short one to its end, so that its connection can be used again."""
    head = bytearray()
    async for chunk in response.content.iter_any():
        head += chunk
        if len(head) > REPLY_BYTES_MAX:
            break
    return bytes(head[:REPLY_BYTES_MAX])


async def _discard(response: aiohttp.ClientResponse) -> None:
    """Read an unwanted body to its end if it says that it is short, so that its connection can be used again."""
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and int(length) <= DISCARDED_BYTES_MAX:
        with suppress(aiohttp.ClientError):
            await response.read()


def _redirected(target: Target, response: aiohttp.ClientResponse) -> Target:
    location = response.headers.get("Location")
    if not location:
        raise Permanent("redirect_invalid", f"The host answered {response.status} without saying where to.")
    return parse_redirect(target.url, location)


@lru_cache(maxsize=64)
def _timeouts(connect_seconds: float, idle_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect_seconds, sock_read=idle_seconds)
