"""News of jobs as they happen: wakes requests that wait on the projection, woken by LISTEN with a poll behind it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from shared.db import Unavailable
from shared.telemetry import log

CHANNEL = "darkroom_jobs"
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 5
RECONNECT_SECONDS = 1

T = TypeVar("T")


class Live:
    """Who waits for which job."""

    def __init__(self, postgres_url: str) -> None:
        self._url = postgres_url
        self._waiting: dict[UUID, set[asyncio.Event]] = defaultdict(set)
        self.anything = asyncio.Event()

    async def listen(self) -> None:
        """Hear of changes, on a connection of its own that is proven alive again and again, until cancelled."""
        while True:
            try:
                await self._listen_once()
            except (*Unavailable, asyncpg.PostgresError) as error:
                log.warning("live.lost", error=repr(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def until(self, job_id: UUID, look: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """Look again at every change of the job, until there is something or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for _ in self.changes(job_id):
                    if (found := await look()) is not None:
                        return found
        return None

    async def changes(self, job_id: UUID, at_most_every_seconds: float = 0) -> AsyncIterator[None]:
        """Once at first, then whenever the job may have changed; at least every POLL_SECONDS."""
        with self._subscribed(job_id) as changed:
            while True:
                changed.clear()
                yield
                await asyncio.sleep(at_most_every_seconds)
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), POLL_SECONDS)

    @contextmanager
    def _subscribed(self, job_id: UUID) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._waiting[job_id].add(changed)
        try:
            yield changed
        finally:
            self._waiting[job_id].discard(changed)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=5)
        try:
            await connection.add_listener(CHANNEL, self._hear)
            while True:
                await connection.fetchval("SELECT 1", timeout=2)
                await asyncio.sleep(HEARTBEAT_SECONDS)
        finally:
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self.anything.set()
        for changed in self._waiting.get(UUID(str(payload)), ()):
            changed.set()
