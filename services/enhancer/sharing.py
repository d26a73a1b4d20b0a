"""Work that is asked for several times at once is done once, and everybody gets the result."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class Sharing(Generic[Key, Result]):
    """Results by their key, from the moment that somebody works on one.

    The latest `results_max` are kept: as many as may be done and not yet committed, where others would find them.
    """

    def __init__(self, results_max: int) -> None:
        self._results_max = results_max
        self._results: OrderedDict[Key, tuple[Hashable, Result]] = OrderedDict()
        self._under_way: dict[Key, asyncio.Future[None]] = {}

    async def get(self, key: Key, asker: Hashable, work: Callable[[], Awaitable[Result]]) -> tuple[Result, bool]:
        """The result, and whether it is another asker's; an asker that comes again gets its own as its own.

        Waits for one that is at this work already, and does it itself when that one fails.
        """
        if key in self._under_way:
            await asyncio.wait([self._under_way[key]])
        if key in self._results:
            first, result = self._results[key]
            return result, first != asker
        done = asyncio.get_running_loop().create_future()
        self._under_way.setdefault(key, done)
        try:
            result = await work()
            self._keep(key, asker, result)
            return result, False
        finally:
            done.set_result(None)
            if self._under_way.get(key) is done:
                del self._under_way[key]

    def _keep(self, key: Key, asker: Hashable, result: Result) -> None:
        self._results.setdefault(key, (asker, result))
        while len(self._results) > self._results_max:
            self._results.popitem(last=False)
