"""Gathers finished decisions and commits them together: one commit per hundred events instead of one per event."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared import inbox, outbox
from shared.db import Database, Unavailable
from shared.delivery import Delivery, ack
from shared.envelope import Envelope, child_traceparent, enclose, new_traceparent, subject_of
from shared.errors import NotYet, Transient
from shared.events import Event
from shared.outbox import Letter, Posted, Relay
from shared.outcome import Connection, Outcome, Service
from shared.settings import SharedSettings
from shared.telemetry import COMMIT_EVENTS, COMMIT_SECONDS, log

DATABASE_AWAY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Finished:
    """One decision about one delivery. `outcome` None: the event is not done yet (it waits or is tried again)."""

    delivery: Delivery
    envelope: Envelope[Event] | None
    outcome: Outcome | None
    letters: Sequence[Letter]
    result: str

    @property
    def is_parked(self) -> bool:
        """Whether it goes to the dead letters."""
        return any(letter.is_dead for letter in self.letters)


Judge = Callable[[Delivery, Envelope[Event], Exception], Finished]


class Gatherer:
    """The committing half of the loop."""

    judge: Judge
    before_commit: Callable[[], Awaitable[None]]

    def __init__(self, service: Service, database: Database, relay: Relay, settings: SharedSettings) -> None:
        self._service = service
        self._database = database
        self._relay = relay
        self._events_max = settings.commit_events_max
        self._wait_seconds = settings.commit_wait_seconds
        self._finished: list[Finished] = []
        self._last_started = 0.0
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, finished: Finished) -> None:
        """Hand in a decision."""
        self._finished.append(finished)
        self._idle.clear()
        self._arrived.set()
        if len(self._finished) >= self._events_max:
            self._enough.set()

    async def run(self) -> None:
        """Commit what comes, until cancelled."""
        while True:
            await self._arrived.wait()
            await self._let_more_come()
            batch = self._finished[: self._events_max]
            await self._commit_surely(batch)
            del self._finished[: len(batch)]
            if not self._finished:
                self._arrived.clear()
                self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Wait until everything handed in is committed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)

    async def _let_more_come(self) -> None:
        """A lone decision is committed at once; in a stream of them, commits start at least the wait apart."""
        wait = self._last_started + self._wait_seconds - time.monotonic()
        if wait > 0 and len(self._finished) < self._events_max:
            self._enough.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), wait)
        self._last_started = time.monotonic()

    async def _commit_surely(self, batch: Sequence[Finished]) -> None:
        while True:
            try:
                await self._commit(batch)
                return
            except (*Unavailable, asyncpg.DeadlockDetectedError) as error:
                log.warning("commit.database_away", error=repr(error), events=len(batch))
                await asyncio.sleep(DATABASE_AWAY_SECONDS)
            except Exception as error:
                if not isinstance(error, NotYet | Transient):
                    log.warning("commit.refused", error=repr(error), events=len(batch))
                await self._commit_apart(batch, error)
                return

    async def _commit_apart(self, batch: Sequence[Finished], error: Exception) -> None:
        """One decision spoils the common transaction: commit each alone, and judge the one that fails again."""
        if len(batch) > 1:
            for finished in batch:
                await self._commit_surely([finished])
            return
        (finished,) = batch
        if finished.envelope is None or finished.outcome is None:
            raise error
        await self._commit_surely([self.judge(finished.delivery, finished.envelope, error)])

    async def _commit(self, batch: Sequence[Finished]) -> None:
        started = time.perf_counter()
        await self.before_commit()
        async with self._database.transaction() as connection:
            posted = await self._write(connection, batch)
        self._relay.publish(posted)
        COMMIT_EVENTS.labels(self._service.name).observe(len(batch))
        COMMIT_SECONDS.labels(self._service.name).observe(time.perf_counter() - started)
        await ack([finished.delivery for finished in batch])

    async def _write(self, connection: Connection, batch: Sequence[Finished]) -> list[Posted]:
        done = {
            finished.envelope.id: (finished.envelope, finished.outcome)
            for finished in batch
            if finished.envelope is not None and finished.outcome is not None
        }
        new = await inbox.add(connection, list(done)) if done else set()
        effects = [done[event_id] for event_id in done if event_id in new]
        repeated = (done.keys() - new) | await self._known(connection, batch)
        letters = [letter for finished in batch for letter in finished.letters if not _is_one_of(finished, repeated)]
        for envelope, outcome in effects:
            letters += self._enclose(outcome.emit, {None: envelope})
        by_subject: dict[str | None, Envelope[Event]] = {envelope.subject: envelope for envelope, _ in effects}
        for event in await self._record(connection, effects):
            letters += self._enclose([event], by_subject)
        return await outbox.add(connection, letters)

    async def _known(self, connection: Connection, batch: Sequence[Finished]) -> set[UUID]:
        """Of the events that are given up without an effect, those that had theirs when they came before."""
        parked = [each.envelope.id for each in batch if each.outcome is None and each.is_parked and each.envelope]
        return await inbox.list_known(connection, parked) if parked else set()

    async def _record(self, connection: Connection, effects: Sequence[tuple[Envelope[Event], Outcome]]) -> list[Event]:
        rows: dict[type, list[object]] = defaultdict(list)
        for _, outcome in effects:
            for row in outcome.record:
                rows[type(row)].append(row)
        events: list[Event] = []
        for kind, recorder in self._service.recorders.items():
            if kind in rows:
                events += await recorder(connection, rows[kind])
        return events

    def _enclose(self, events: Sequence[Event], causes: dict[str | None, Envelope[Event]]) -> list[Letter]:
        letters = []
        for event in events:
            cause = causes.get(subject_of(event)) or causes.get(None)
            trace = child_traceparent(cause.traceparent) if cause and cause.traceparent else new_traceparent()
            letters.append(Letter(enclose(event, source=self._service.name, traceparent=trace)))
        return letters


def _is_one_of(finished: Finished, repeated: set[UUID]) -> bool:
    """A give-up that turns out to be a repeat leaves no second dead letter."""
    return finished.envelope is not None and finished.envelope.id in repeated
