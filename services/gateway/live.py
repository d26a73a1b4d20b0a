"""News as they happen: wakes requests that wait on the projection, woken by LISTEN with a poll behind it.

A topic is the id of what one waits for: a job, an audit, or what stands for an account (`account_topic`).
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from uuid import UUID, uuid5

import asyncpg

from shared.db import Unavailable
from shared.telemetry import log

CHANNEL = "darkroom_jobs"
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 5
RECONNECT_SECONDS = 1
ACCOUNTS = UUID("0f3b5f0a-6a7e-5d0c-9d1c-3f6d2b1c7a90")

T = TypeVar("T")


def account_topic(account_id: str) -> UUID:
    """What one waits on for news of an account."""
    return uuid5(ACCOUNTS, account_id)


class Live:
    """Who waits for what."""

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

    async def until(self, topic: UUID, look: Callable[[], Awaitable[T | None]], seconds: float) -> T | None:
        """Look again at every change, until there is something or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for _ in self.changes(topic):
                    if (found := await look()) is not None:
                        return found
        return None

    async def changes(self, topic: UUID, at_most_every_seconds: float = 0) -> AsyncIterator[None]:
        """Once at first, then whenever there may be news; at least every POLL_SECONDS."""
        with self._subscribed(topic) as changed:
            while True:
                changed.clear()
                yield
                await asyncio.sleep(at_most_every_seconds)
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), POLL_SECONDS)

    @contextmanager
    def _subscribed(self, topic: UUID) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._waiting[topic].add(changed)
        try:
            yield changed
        finally:
            self._waiting[topic].discard(changed)
            if not self._waiting[topic]:
                del self._waiting[topic]

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
