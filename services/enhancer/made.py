"""Asks the database for much at once: handlers that ask within a moment share one query."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.db import Database
from shared.outcome import Connection

MOMENT_SECONDS = 0.002

Key = TypeVar("Key")
Found = TypeVar("Found")
Find = Callable[[Connection, Sequence[Key]], Awaitable[dict[Key, Found]]]


class Made(Generic[Key, Found]):
    """What was made already; `find` is the query."""

    def __init__(self, database: Database, find: Find[Key, Found]) -> None:
        self._database = database
        self._find = find
        self._asked: dict[Key, asyncio.Future[Found | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key: Key) -> Found | None:
        """What was made under this key, if anything was."""
        if key not in self._asked:
            self._asked[key] = asyncio.get_running_loop().create_future()
        answer = self._asked[key]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        await asyncio.sleep(MOMENT_SECONDS)
        asked, self._asked, self._asking = self._asked, {}, None
        try:
            async with self._database.connection() as connection:
                found = await self._find(connection, list(asked))
        except Exception as error:
            for answer in asked.values():
                answer.set_exception(error)
            return
        for key, answer in asked.items():
            answer.set_result(found.get(key))
