"""A service of the tests' own in the place of the fetcher: the real loop, with one handler that fails when it is told.

async with running(amqp_url, database, trouble) as bus: ...
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.bus import Bus
from shared.db import Database
from shared.envelope import Enclosed, enclose, new_id, new_traceparent
from shared.errors import Permanent, Problem, Transient
from shared.events import Event, JobControl, JobPaused, JobResumed
from shared.gathering import Gatherer
from shared.outbox import Relay
from shared.outcome import Connection, Outcome, Service
from shared.retry import RetryPolicy
from shared.service import Loop
from shared.settings import SharedSettings
from shared.topology import CONSUMERS, Subscription
from tests.eventually import eventually

NAME = "fetcher"
HEARD = Subscription(NAME, JobPaused)
OPEN_SECONDS_MAX = 40
STOP_SECONDS_MAX = 10
EFFECTS = "CREATE TABLE IF NOT EXISTS effects (job_id uuid NOT NULL)"


@dataclass
class Trouble:
    """What the handler stumbles over: nothing, everything with one problem, or certain jobs with others.

    tells: whether giving up is said by an event.
    """

    everything: str = ""
    jobs: dict[UUID, str] = field(default_factory=dict)
    tells: bool = False

    async def on_job_paused(self, event: JobControl, _: Any) -> Outcome:
        """Record that the event had its effect, or fail."""
        problem = self.jobs.get(event.job_id, self.everything)
        if problem == "defect":
            raise ValueError("a defect")
        if problem:
            raise Permanent(problem, "as the test wants it")
        return Outcome(record=[event])

    def gave_up(self, event: Event, problem: Problem, _attempts: int) -> Outcome | None:
        """Say it by some event, or leave it to the dead letters."""
        assert isinstance(problem, Permanent | Transient)
        assert isinstance(event, JobControl)
        said = JobResumed(account_id=event.account_id, job_id=event.job_id, version=event.version)
        return Outcome(emit=[said]) if self.tells else None

    @property
    def service(self) -> Service:
        """The service as the loop sees it; what it hears beside JobPaused is passed over."""

        async def pass_over(_event: Event, _ports: Any) -> Outcome:
            return Outcome()

        handlers: dict[type[Event], Any] = dict.fromkeys(CONSUMERS[NAME], pass_over)
        handlers[JobPaused] = self.on_job_paused
        return Service(NAME, handlers, {JobPaused: _record}, self.gave_up)


async def _record(connection: Connection, events: Sequence[JobPaused]) -> Sequence[Event]:
    await connection.executemany("INSERT INTO effects VALUES ($1)", [(event.job_id,) for event in events])
    return ()


async def effects(database: Database) -> list[UUID]:
    """The jobs whose event had its effect, once for each time."""
    async with database.connection() as connection:
        return [row["job_id"] for row in await connection.fetch("SELECT job_id FROM effects")]


def paused() -> tuple[UUID, Enclosed]:
    """Some event, and the job that it is about."""
    job_id = new_id()
    event = JobPaused(account_id="acme", job_id=job_id, version=1)
    return job_id, enclose(event, source="gateway", traceparent=new_traceparent())


@asynccontextmanager
async def running(amqp_url: str, database: Database, trouble: Trouble) -> AsyncIterator[Bus]:
    """Run the service; its bus."""
    settings = SharedSettings(amqp_url=amqp_url, commit_wait_seconds=0.01)
    bus = Bus(amqp_url, NAME, lambda _: 200)
    relay = Relay(database, bus)
    gatherer = Gatherer(trouble.service, database, relay, settings)
    loop = Loop(trouble.service, None, gatherer, RetryPolicy(delays_seconds=()))
    gatherer.judge, gatherer.before_commit = loop.judge, _nothing
    tasks = [asyncio.create_task(each) for each in (bus.keep_open(loop.take), relay.run(), gatherer.run())]

    def is_open() -> None:
        assert bus.consumers == len(CONSUMERS[NAME])

    try:
        await eventually(is_open, OPEN_SECONDS_MAX)
        yield bus
    finally:
        await bus.stop_consuming()
        await loop.drain(STOP_SECONDS_MAX)
        await gatherer.drain(STOP_SECONDS_MAX)
        await relay.finish(STOP_SECONDS_MAX)  # else the next test hears what this one left in the outbox
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _nothing() -> None:
    return None
