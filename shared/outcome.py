"""What a handler decided: rows to record and events to emit, in one transaction with the inbox."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.errors import Problem
from shared.events import Event

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be recorded and emitted because of one event.

    `record` holds plain rows (dataclasses); the service's recorders say how each type is written in bulk.
    """

    record: Sequence[object] = ()
    emit: Sequence[Event] = ()


attempt: ContextVar[int] = ContextVar("attempt", default=1)
"""Which attempt at its event the running handler is, counted from 1."""

Handler = Callable[[Any, Any], Awaitable[Outcome]]
"""`async def on_x(event, ports) -> Outcome`: slow work, no database writes; raises Problem or NotYet."""

Recorder = Callable[[Connection, Sequence[Any]], Awaitable[Sequence[Event]]]
"""Writes rows of one type in bulk inside the gathered transaction; returns events that follow from what the
database decided (an order of rows is not to be counted on, and a row may come again only if its event was new)."""

GaveUp = Callable[[Any, Problem, int], Outcome | None]
"""What becomes of an event whose attempts are spent (event, problem, attempts); None: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the loop sees it. The order of `recorders` is the order of writing in the transaction."""

    name: str
    handlers: Mapping[type[Event], Handler]
    recorders: Mapping[type, Recorder]
    gave_up: GaveUp
