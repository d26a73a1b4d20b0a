"""Waiting for what comes to pass by itself, without guessing how long it takes."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

LOOKED_AT_SECONDS = 0.05


@overload
async def eventually(assertion: Callable[[], Awaitable[T]], seconds_max: float = 5) -> T: ...
@overload
async def eventually(assertion: Callable[[], T], seconds_max: float = 5) -> T: ...
async def eventually(assertion: Callable[[], Any], seconds_max: float = 5) -> Any:
    """Call `assertion` until it raises no AssertionError; returns what it returned, or raises its last error."""
    deadline = time.monotonic() + seconds_max
    while True:
        try:
            return await _called(assertion)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(LOOKED_AT_SECONDS)


async def throughout(seconds: float, assertion: Callable[[], object]) -> None:
    """Call `assertion` again and again for so long; it must never raise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await _called(assertion)
        await asyncio.sleep(LOOKED_AT_SECONDS)


async def _called(assertion: Callable[[], Any]) -> Any:
    found = assertion()
    return await found if inspect.isawaitable(found) else found
