"""Waiting for what comes to pass by itself, without guessing how long it takes."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

T = TypeVar("T")

LOOKED_AT_SECONDS = 0.05


async def eventually(assertion: Callable[[], T | Awaitable[T]], seconds_max: float = 5) -> T:
    """Call `assertion` until it raises no AssertionError; returns what it returned, raises its last one when it's late.

    What it returns must not be awaited by others; it may be a coroutine function.
    """
    deadline = time.monotonic() + seconds_max
    while True:
        try:
            found = assertion()
            return await found if inspect.isawaitable(found) else cast(T, found)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(LOOKED_AT_SECONDS)
