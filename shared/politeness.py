"""How hard one host is asked: a few requests at a time, and none while it asks us to wait."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType

from shared.errors import Transient


class Host:
    """What is remembered about one origin."""

    __slots__ = ("paused_until", "places", "visitors")

    def __init__(self, places: int) -> None:
        self.places = asyncio.Semaphore(places)
        self.visitors = 0  # requests under way or waiting
        self.paused_until = 0.0


class Hosts:
    """The table of origins: at most hosts_max are remembered, the longest unused one is forgotten first."""

    def __init__(
        self,
        *,
        per_host: int,
        in_all: int,
        wait_seconds: float,
        hosts_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_host = per_host
        self._places = asyncio.Semaphore(in_all)
        self._wait_seconds = wait_seconds
        self._hosts_max = hosts_max
        self._clock = clock
        self._hosts: OrderedDict[str, Host] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def visit(self, origin: str) -> "Visit":
        """Return a context manager that holds a place at this origin for one request.

        Entering raises Transient(rate_limited) at once while the origin is paused, and after wait_seconds in line.
        """
        return Visit(self, origin)

    def pause(self, origin: str, seconds: float) -> None:
        """Let nobody ask this origin for so long."""
        host = self._host(origin)
        host.paused_until = max(host.paused_until, self._clock() + seconds)

    async def enter(self, origin: str) -> Host:
        """Take a place at this origin, then one of those there are in all."""
        host = self._host(origin)
        self._refuse_while_paused(host)
        host.visitors += 1
        try:
            if host.places.locked() or self._places.locked():
                await self._wait_in_line(host)
            else:
                await self._take(host)
        except BaseException:
            host.visitors -= 1
            raise
        return host

    def leave(self, host: Host) -> None:
        """Give both places back."""
        host.visitors -= 1
        host.places.release()
        self._places.release()

    async def _wait_in_line(self, host: Host) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._take(host)
        except TimeoutError:
            detail = f"This host was busy with our other requests for {self._wait_seconds:g} s."
            raise Transient("rate_limited", detail) from None

    async def _take(self, host: Host) -> None:
        await host.places.acquire()
        try:
            self._refuse_while_paused(host)
            await self._places.acquire()
        except BaseException:
            host.places.release()
            raise

    def _refuse_while_paused(self, host: Host) -> None:
        remaining = host.paused_until - self._clock()
        if remaining > 0:
            detail = f"This host asked us to wait; {remaining:.0f} s remain."
            raise Transient("rate_limited", detail, retry_after_seconds=remaining)

    def _host(self, origin: str) -> Host:
        host = self._hosts.get(origin)
        if host is not None:
            self._hosts.move_to_end(origin)
            return host
        self._forget_one_if_full()
        host = self._hosts[origin] = Host(self._per_host)
        return host

    def _forget_one_if_full(self) -> None:
        """Drop the longest unused origin that has no visitors; if all have some, the table grows by one."""
        if len(self._hosts) < self._hosts_max:
            return
        idle = next((origin for origin, host in self._hosts.items() if host.visitors == 0), None)
        if idle is not None:
            del self._hosts[idle]


class Visit:
    """A place at one origin, from entering to leaving."""

    __slots__ = ("_host", "_hosts", "_origin")

    def __init__(self, hosts: Hosts, origin: str) -> None:
        self._hosts = hosts
        self._origin = origin
        self._host: Host | None = None

    async def __aenter__(self) -> None:
        self._host = await self._hosts.enter(self._origin)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._host is not None
        self._hosts.leave(self._host)
