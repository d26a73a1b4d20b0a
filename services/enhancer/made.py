"""Asks the database for many renditions at once: handlers that ask within a moment share one query."""

import asyncio

from services.enhancer import store
from shared.db import Database
from shared.facts import Blob

MOMENT_SECONDS = 0.002


class Made:
    """What was made already."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: dict[tuple[str, str], asyncio.Future[Blob | None]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def find(self, source_digest: str, fingerprint: str) -> Blob | None:
        """The rendition of a source by a recipe, if there is one."""
        key = (source_digest, fingerprint)
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
                found = await store.find_renditions(connection, list(asked))
        except Exception as error:
            for answer in asked.values():
                answer.set_exception(error)
            return
        for key, answer in asked.items():
            answer.set_result(found.get(key))
