"""Connections to judged addresses only: what shared/web.py plugs into the HTTP library, and its errors in our words."""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection

from shared.addresses import Allowance
from shared.errors import Permanent, Problem, Transient
from shared.resolving import Names


class JudgedNames(AbstractResolver):
    """Gives the connector judged addresses, each name's from our own cache."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look a name up; raises Permanent or Transient."""
        addresses = await self._names.addresses(host.removesuffix("."), port)
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
            for each in addresses
        ]

    async def close(self) -> None:
        """Do nothing: the names belong to the client."""


class JudgedSockets:
    """Makes sockets for judged addresses, as the connector skips the resolver for addresses written as such."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self.open = 0  # connections in use or kept for reuse

    def make(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Make the socket that will be connected to this address; raises Permanent(address_forbidden)."""
        family, kind, protocol, _, address = info
        self._allowance.judge(address[0], address[1])
        made = _CountedSocket(family, kind, protocol)
        self.open += 1
        made.on_gone = self._count_down
        return made

    def _count_down(self) -> None:
        self.open -= 1


class _CountedSocket(socket.socket):
    """A socket that says once when its descriptor is gone: one event loop closes it, the other detaches it."""

    on_gone: Callable[[], None] | None = None

    def close(self) -> None:
        self._say()
        super().close()

    def detach(self) -> int:
        self._say()
        return super().detach()

    def _say(self) -> None:
        on_gone, self.on_gone = self.on_gone, None
        if on_gone is not None:
            on_gone()


def judged_request(allowance: Allowance) -> type[aiohttp.ClientRequest]:
    """Make the kind of request that looks at who is at the other end before it says a word.

    After a request with `Connection: close` the connection is not kept, whatever the host does.
    """

    class JudgedRequest(aiohttp.ClientRequest):
        async def send(self, conn: Connection) -> aiohttp.ClientResponse:
            peer = conn.transport.get_extra_info("peername") if conn.transport else None
            if peer is None:
                raise aiohttp.ServerDisconnectedError
            allowance.judge(peer[0], peer[1])
            if conn.protocol is not None and self.headers.get("Connection") == "close":
                conn.protocol.force_close()
            return await super().send(conn)

    return JudgedRequest


class Fault(NamedTuple):
    """How one error of the HTTP library is called by us; attempts_max 1 means that no retry will help."""

    problem: str
    sentence: str
    attempts_max: int | None = None


RESET = Fault("connection_reset", "closed the connection")
UNREACHABLE = Fault("host_unreachable", "cannot be reached")
# The first class that fits gives the name. TimeoutError itself is our own total deadline, so it stands last.
FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (aiohttp.ClientConnectorCertificateError, Fault("tls_failed", "has a certificate that is not trusted", 1)),
    (aiohttp.ClientSSLError, Fault("tls_failed", "could not agree on an encrypted connection", 2)),
    (aiohttp.ConnectionTimeoutError, Fault("connection_timeout", "did not accept a connection in time")),
    (aiohttp.ServerTimeoutError, Fault("read_timeout", "fell silent", 2)),
    (aiohttp.ClientPayloadError, Fault("incomplete_body", "ended the body too early")),
    (aiohttp.ClientResponseError, Fault("response_invalid", "answered against the rules of HTTP", 2)),
    (aiohttp.InvalidURL, Fault("url_invalid", "cannot be asked with this URL", 1)),
    (aiohttp.ClientError, RESET),
    (ConnectionError, RESET),
    (TimeoutError, Fault("total_timeout", "took too long in all", 2)),
)
CONNECT_FAULTS = {
    errno.ECONNREFUSED: Fault("connection_refused", "refused the connection"),
    errno.ECONNRESET: RESET,
    errno.ETIMEDOUT: Fault("connection_timeout", "did not accept a connection in time"),
}


@contextmanager
def problems_of(origin: str) -> Iterator[None]:
    """Turn the HTTP library's errors into Transient and Permanent; errors of the local disk pass as they are."""
    try:
        yield
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        fault = _fault_of(error)
        # Not chained: the library's message repeats the URL, which may hold a secret, and whatever the host sent.
        raise _problem(fault, f"{origin} {fault.sentence}.") from None


def _problem(fault: Fault, detail: str) -> Problem:
    if fault.attempts_max == 1:
        return Permanent(fault.problem, detail)
    return Transient(fault.problem, detail, attempts_max=fault.attempts_max)


def _fault_of(error: Exception) -> Fault:
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        return CONNECT_FAULTS.get(error.errno or 0, UNREACHABLE)
    return next(fault for kind, fault in FAULTS if isinstance(error, kind))
