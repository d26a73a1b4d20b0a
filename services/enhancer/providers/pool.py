"""A provider's keys as one pool: which of them the next request is made with, and what is learned from it."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.enhancer.providers import store
from services.enhancer.providers.keys import Key
from services.enhancer.providers.line import Line
from services.enhancer.providers.store import Outlook, Slot
from services.enhancer.providers.verdicts import KeyRefused, KeySlowed
from shared.db import Database, Unavailable
from shared.errors import DarkroomError, NotYet, Problem, Transient
from shared.telemetry import log

LOOKED_AT_SECONDS = 1.0
"""So long, at most, is believed that there is no room, without asking the database again."""

WAIT_SECONDS_MAX = 60
REST_SHARE = 0.1
"""Of the window: how long a key rests when the provider did not say how long."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What each key may be used for. requests_max: in any window; refused_seconds: until a refused key is tried."""

    requests_max: int = 55
    window_seconds: float = 60
    call_seconds_max: float = 35
    refused_seconds: float = 3_600


@dataclass(frozen=True, slots=True)
class Reserved:
    """A request that may be made now, with this key."""

    key: Key
    slot: Slot


@dataclass(frozen=True, slots=True)
class _Full:
    """That there was no room, and when that was seen."""

    looked_at: float
    outlook: Outlook

    @property
    def believed_until(self) -> float:
        seconds = self.outlook.seconds if self.outlook.keys else self.outlook.refused_seconds
        return self.looked_at + min(LOOKED_AT_SECONDS, seconds)


class KeyPool:
    """The keys of one provider, shared with all other replicas through the database."""

    def __init__(self, database: Database, provider: str, keys: Sequence[Key], budget: Budget) -> None:
        self._database = database
        self._provider = provider
        self._keys = {key.digest: key for key in keys}
        self._budget = budget
        self._line = Line(wait_seconds_max=min(WAIT_SECONDS_MAX, budget.window_seconds))
        self._full: _Full | None = None

    def __len__(self) -> int:
        return len(self._keys)

    async def make_known(self) -> None:
        """Write down keys and slots that are not there yet."""
        async with self._database.transaction() as connection:
            await store.insert_keys(connection, list(self._keys.values()), self._budget.requests_max)
            await store.insert_slots(connection, list(self._keys.values()), self._budget.requests_max)

    def admit(self) -> None:
        """Raise what `reserve` would, when that is known without asking; costs nothing."""
        if self._full is not None and time.monotonic() < self._full.believed_until:
            raise self._no_room(self._full)

    async def reserve(self, *, without: Collection[bytes] = ()) -> Reserved:
        """Take a request of the key that has most left, but for those named.

        Raises NotYet until there is room, Transient `provider_refused` when every key is refused.
        """
        self.admit()
        async with self._database.connection() as connection:
            slot = await store.take_slot(
                connection,
                [digest for digest in self._keys if digest not in without],
                window_seconds=self._budget.window_seconds,
                call_seconds_max=self._budget.call_seconds_max,
            )
            if slot is not None:
                return Reserved(self._keys[slot.key_digest], slot)
            outlook = await store.find_outlook(connection, list(self._keys), window_seconds=self._budget.window_seconds)
        full = _Full(time.monotonic(), outlook)
        if not without:
            self._full = full
        raise self._no_room(full)

    def _no_room(self, full: "_Full") -> DarkroomError:
        outlook = full.outlook
        if not outlook.keys:
            hints = ", ".join(f"…{key.hint}" for key in list(self._keys.values())[:8])
            return Transient(
                "provider_refused",
                f"{self._provider} refuses every key ({hints}).",
                retry_after_seconds=max(0.0, outlook.refused_seconds),
            )
        now = time.monotonic()
        seconds = self._line.seconds_to_wait(
            now,
            free_in=max(0.0, full.looked_at + outlook.seconds - now),
            between=self._budget.window_seconds / max(1, outlook.allowance),
        )
        return NotYet(f"no key of {self._provider} has a request left", seconds)

    async def learn(self, reserved: Reserved, problem: Problem | None, *, cost_micros: int = 0) -> None:
        """Write down how the request went. A database that is away must not cost an answer that was paid for."""
        try:
            await self._write(reserved, problem, cost_micros)
        except Unavailable as error:
            log.warning("provider.usage_unwritten", provider=self._provider, error=repr(error))
        if isinstance(problem, KeyRefused | KeySlowed):
            log.warning(
                "provider.key_set_aside", provider=self._provider, key=reserved.key.hint, problem=problem.problem
            )

    async def _write(self, reserved: Reserved, problem: Problem | None, cost_micros: int) -> None:
        slot, about_key = reserved.slot, isinstance(problem, KeyRefused | KeySlowed)
        async with self._database.transaction() as connection:
            await store.mark_slot_used(connection, slot)
            if problem is None:
                await store.mark_key_good(connection, slot, self._budget.requests_max)
            elif isinstance(problem, KeySlowed):
                rest = problem.retry_after_seconds or self._budget.window_seconds * REST_SHARE
                await store.mark_key_slowed(connection, slot, rest)
            elif isinstance(problem, KeyRefused):
                problem.retry_after_seconds = self._budget.refused_seconds
                await store.mark_key_refused(connection, slot, self._budget.refused_seconds)
            await store.count_usage(
                connection, reserved.key, refused=about_key, images=int(problem is None), cost_micros=cost_micros
            )
