"""Waiting for what comes to pass by itself, without guessing how long it takes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOKED_AT_SECONDS = 0.05


async def eventually(assertion: Callable[[], Awaitable[T]], seconds_max: float = 5) -> T:
    """Await `assertion()` until it raises no AssertionError; returns what it returned, or raises its last error."""
    deadline = time.monotonic() + seconds_max
    while True:
        try:
            return await assertion()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(LOOKED_AT_SECONDS)


async def throughout(seconds: float, assertion: Callable[[], Awaitable[object]]) -> None:
    """Await `assertion()` again and again for so long; it must never raise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await assertion()
        await asyncio.sleep(LOOKED_AT_SECONDS)
