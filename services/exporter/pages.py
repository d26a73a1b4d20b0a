"""Hands pages from the event loop to one writing thread, so that formatting never stops the loop.

The pages are read in the caller's own task; a few wait in a queue while the thread writes, so reading and writing
overlap and memory stays flat. A writer is a plain function over an iterator, with ordinary `with` blocks.
"""

import asyncio
import enum
from collections.abc import AsyncIterable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

PAGES_AHEAD_MAX = 2

Page = TypeVar("Page")
Result = TypeVar("Result")


class Abandoned(Exception):
    """Raised in the writing thread when no more pages will come because the reading failed or was cancelled."""


class _Last(enum.Enum):
    FINISHED = enum.auto()
    ABANDONED = enum.auto()


async def hand_over(pages: AsyncIterable[Page], write: Callable[[Iterator[Page]], Result]) -> Result:
    """Run `write` in a thread of its own over the pages; returns only when that thread has let go of its file.

    Raises what reading or writing raised; a cancelled caller waits until the writer has unwound.
    """
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(PAGES_AHEAD_MAX)
    queue: SimpleQueue[Page | _Last] = SimpleQueue()

    def arriving() -> Iterator[Page]:
        while not isinstance(page := queue.get(), _Last):
            loop.call_soon_threadsafe(room.release)
            yield page
        if page is _Last.ABANDONED:
            raise Abandoned

    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="export")
    writing = loop.run_in_executor(executor, write, arriving())
    executor.shutdown(wait=False)
    writing.add_done_callback(lambda _: room.release())
    try:
        async for page in pages:
            await room.acquire()
            if writing.done():  # it failed: no more pages are wanted
                break
            queue.put(page)
        queue.put(_Last.FINISHED)
        return await asyncio.shield(writing)
    finally:
        queue.put(_Last.ABANDONED)  # unread by a thread that has finished
        await asyncio.wait([writing])
        writing.exception()
