"""What the tests of the guarded client share: short limits, names of our own, a table of bad answers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from shared.errors import Permanent, Transient
from shared.web import Allowance, GuardedClient, Limits

QUICK = Limits(
    connect_seconds=0.5,
    idle_seconds=0.3,
    total_seconds=0.5,
    resolve_seconds=0.5,
    bytes_max=100_000,
    host_wait_seconds=0.3,
)
LOCAL = Allowance.parse("127.0.0.1/32")

BAD_ANSWERS = [
    ("/silent", Transient, "read_timeout", 2),
    ("/stalled", Transient, "read_timeout", 2),
    ("/dripping", Transient, "total_timeout", 2),
    ("/endless", Permanent, "too_large", None),
    ("/length-huge", Permanent, "too_large", None),
    ("/reset", Transient, "incomplete_body", None),
    ("/reset-undelimited", Transient, "incomplete_body", None),
    ("/reset-at-once", Transient, "connection_reset", None),
    ("/closed-at-once", Transient, "connection_reset", None),
    ("/too-short", Transient, "incomplete_body", None),
    ("/chunk-cut", Transient, "incomplete_body", None),
    ("/chunk-spoiled", Transient, "total_timeout", 2),  # aiohttp closes and tells nobody: the deadline ends it
    ("/chunk-nonsense", Transient, "response_invalid", 2),
    ("/too-long", Transient, "response_invalid", 2),
    ("/length-nonsense", Transient, "response_invalid", 2),
    ("/two-lengths", Transient, "response_invalid", 2),
    ("/headers-many", Transient, "response_invalid", 2),
    ("/headers-long", Transient, "response_invalid", 2),
    ("/not-http", Transient, "response_invalid", 2),
    ("/empty", Permanent, "empty_body", None),
    ("/empty-undelimited", Permanent, "empty_body", None),
    ("/a?status=204", Permanent, "empty_body", None),
    ("/gzip", Permanent, "encoding_unsupported", None),
    ("/gzip-transfer", Permanent, "encoding_unsupported", None),
    ("/a?status=206", Permanent, "http_206", None),
    ("/a?status=401", Permanent, "http_401", None),
    ("/a?status=403", Permanent, "http_403", None),
    ("/a?status=404", Permanent, "http_404", None),
    ("/a?status=410", Permanent, "http_410", None),
    ("/a?status=304", Permanent, "http_304", None),
    ("/a?status=429", Transient, "rate_limited", None),
    ("/a?status=500", Transient, "http_500", None),
    ("/a?status=503", Transient, "http_503", None),
    ("/redirect-nowhere", Permanent, "redirect_invalid", None),
    ("/redirect-loop", Permanent, "too_many_redirects", None),
]


@asynccontextmanager
async def guarded(limits: Limits = QUICK, **options: Any) -> AsyncIterator[GuardedClient]:
    async with GuardedClient.open(**{"allowance": LOCAL, "limits": limits, **options}) as client:
        yield client


def names_of(**hosts: str) -> Callable[[str], Awaitable[Sequence[str]]]:
    """Make a resolver from `name=address`, each name ending in .test."""

    async def look_up(name: str) -> Sequence[str]:
        return [hosts[name.removesuffix(".test")]]

    return look_up
