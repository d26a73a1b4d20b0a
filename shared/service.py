"""The loop: consume, handle, gather, commit, publish, ack; with retries, give-ups, drain and health.

Handlers decide, the loop commits. Many handlers run at once; what they decided is gathered and committed in one
transaction (inbox, rows, outbox), then published and acked. A crash at any point leaves either a message that the
broker delivers again, or an outbox row that the relay publishes: nothing is lost, and the inbox makes nothing happen
twice.
"""

import asyncio
import gc
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import uvloop

from shared import db, health, inbox
from shared.bus import Bus
from shared.db import MIGRATIONS, Database
from shared.delivery import Delivery
from shared.envelope import Enclosed, Envelope, Unreadable, new_id, new_traceparent, read
from shared.errors import NotYet, Permanent, Problem, Transient
from shared.events import Event
from shared.gathering import Finished, Gatherer
from shared.outbox import Letter, Relay
from shared.outcome import Outcome, Service, attempt
from shared.reporting import Reporter
from shared.retry import RetryPolicy, delay_before_next
from shared.settings import SharedSettings
from shared.telemetry import EVENTS_HANDLED, HANDLER_SECONDS, about, configure_logs, log
from shared.topology import DELIVERIES_MAX

HOUSEKEEPING_SECONDS = 600
UNREADABLE = "unreadable"
GARBAGE_THRESHOLDS = (20_000, 20, 20)
"""Messages in flight are many small objects, few of them in cycles: looking less often saves a twentieth."""


@dataclass(frozen=True, slots=True)
class Core:
    """What the loop opens for a service before its own ports."""

    database: Database
    relay: Relay
    bus: Bus


class Loop:
    """Takes deliveries and turns each into one finished decision."""

    def __init__(self, service: Service, ports: Any, gatherer: Gatherer, retry: RetryPolicy) -> None:
        self._service = service
        self._ports = ports
        self._gatherer = gatherer
        self._retry = retry
        self._running: set[asyncio.Task[None]] = set()
        self._handler_seconds = cache(lambda event: HANDLER_SECONDS.labels(service.name, event.__name__))
        self._handled = cache(lambda event, result: EVENTS_HANDLED.labels(service.name, event.__name__, result))

    async def take(self, delivery: Delivery) -> None:
        """Handle one delivery; returns when its decision is with the gatherer."""
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            self._gatherer.add(await self._finish(delivery))
        finally:
            self._running.discard(task)

    async def drain(self, seconds: float) -> None:
        """Wait for the handlers that run; the messages of those that take longer go back to the broker."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()

    async def _finish(self, delivery: Delivery) -> Finished:
        try:
            envelope = read(delivery.body, delivery.subscription.event.type)
        except Unreadable as error:
            return self._park_unreadable(delivery, str(error))
        if delivery.deliveries > DELIVERIES_MAX:
            problem = Problem("internal_error", f"handed out {delivery.deliveries} times without an end")
            return self._give_up(delivery, envelope, problem, unexpected=True)
        started = time.perf_counter()
        about.set({"event_id": str(envelope.id), "job_id": str(getattr(envelope.data, "job_id", ""))})
        finished = await self._decide(delivery, envelope)
        self._handler_seconds(type(envelope.data)).observe(time.perf_counter() - started)
        return finished

    async def _decide(self, delivery: Delivery, envelope: Envelope[Event]) -> Finished:
        handler = self._service.handlers[type(envelope.data)]
        attempt.set(delivery.attempt)
        try:
            outcome = await handler(envelope.data, self._ports)
        except Exception as error:
            return self.judge(delivery, envelope, error)
        return self._done(delivery, envelope, outcome, "handled")

    def judge(self, delivery: Delivery, envelope: Envelope[Event], error: Exception) -> Finished:
        """What an error means for the event: wait, try again, or give up."""
        if isinstance(error, NotYet):
            begun = delivery.first_attempt_at + timedelta(seconds=error.seconds)  # waiting costs no patience either
            waiting = replace(delivery, first_attempt_at=begun)
            letter = self._again(waiting, envelope, error.seconds, delivery.attempt, str(error), error.waiting_for)
            return Finished(delivery, envelope, None, (letter,), "waits")
        if isinstance(error, Permanent):
            return self._give_up(delivery, envelope, error)
        unexpected = not isinstance(error, Transient)
        problem = Transient("internal_error", f"{type(error).__name__}: {error}"[:300]) if unexpected else error
        assert isinstance(problem, Transient)
        if unexpected:
            log.error("handler.failed", type=envelope.type, attempt=delivery.attempt, exc_info=error)
        delay = delay_before_next(
            self._retry,
            attempt=delivery.attempt,
            waited_seconds=(datetime.now(UTC) - delivery.first_attempt_at).total_seconds(),
            jitter=random.random(),
            problem=problem,
        )
        if delay is None:
            return self._give_up(delivery, envelope, problem, unexpected=unexpected)
        letter = self._again(delivery, envelope, delay, delivery.attempt + 1, str(problem))
        return Finished(delivery, envelope, None, (letter,), "tries again")

    def _done(self, delivery: Delivery, envelope: Envelope[Event], outcome: Outcome, result: str) -> Finished:
        self._handled(type(envelope.data), result).inc()
        return Finished(delivery, envelope, outcome, (), result)

    def _give_up(
        self, delivery: Delivery, envelope: Envelope[Event], problem: Problem, *, unexpected: bool = False
    ) -> Finished:
        outcome = self._service.gave_up(envelope.data, problem, delivery.attempt)
        log.info("event.gave_up", type=envelope.type, problem=problem.problem, detail=problem.detail)
        self._handled(type(envelope.data), "gave up").inc()
        if outcome is None:
            return Finished(delivery, envelope, None, (self._dead(delivery, envelope, str(problem)),), "gave up")
        kept = (self._dead(delivery, envelope, str(problem), told=True),) if unexpected else ()
        return Finished(delivery, envelope, outcome, kept, "gave up")

    def _again(
        self,
        delivery: Delivery,
        envelope: Envelope[Event],
        seconds: float,
        attempt: int,
        reason: str,
        waiting_for: str | None = None,
    ) -> Letter:
        return Letter(
            _enclosed(delivery, envelope),
            queue=delivery.subscription.queue,
            attempt=attempt,
            first_attempt_at=delivery.first_attempt_at,
            reason=reason,
            waiting_for=waiting_for,
            delay_seconds=max(seconds, 0.001),
        )

    def _dead(self, delivery: Delivery, envelope: Envelope[Event], reason: str, *, told: bool = False) -> Letter:
        queue = delivery.subscription.dead_queue
        return Letter(_enclosed(delivery, envelope), queue, delivery.attempt, reason=reason, told=told)

    def _park_unreadable(self, delivery: Delivery, reason: str) -> Finished:
        log.error("message.unreadable", queue=delivery.subscription.queue, reason=reason)
        enclosed = Enclosed(new_id(), delivery.subscription.event.type, UNREADABLE, new_traceparent(), delivery.body)
        letter = Letter(enclosed, delivery.subscription.dead_queue, reason=f"{UNREADABLE}: {reason}")
        return Finished(delivery, None, None, (letter,), "")


def _enclosed(delivery: Delivery, envelope: Envelope[Event]) -> Enclosed:
    return Enclosed(
        envelope.id, envelope.type, envelope.subject or "", envelope.traceparent or new_traceparent(), delivery.body
    )


def main(service: Service, settings: SharedSettings, open_ports: "OpenPorts", **options: Any) -> None:
    """Run a service as a process of its own; `options` as in `run`."""
    configure_logs(service.name, settings.log_level)
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    uvloop.run(run(service, settings, open_ports, **options))


OpenPorts = Callable[["Core"], AbstractAsyncContextManager[Any]]
Background = Callable[[], Awaitable[None]]


async def run(
    service: Service,
    settings: SharedSettings,
    open_ports: OpenPorts,
    *,
    migrations: Sequence[Path],
    retry: RetryPolicy | None = None,
    prefetch: Callable[[type[Event]], int] = lambda _: 200,
    background: Callable[[Any], Sequence[Background]] = lambda _: (),
    before_commit: Callable[[Any], Background] = lambda _: _nothing,
) -> None:
    """Run a service until SIGTERM or SIGINT.

    open_ports: an async context manager over Core that yields the handlers' ports.
    background: further loops of the service over its ports; one that fails is started again.
    before_commit: what must be done before events are said, e.g. to settle blobs that they name.
    """
    stopping = _stop_on_signals()
    database = await Database.open(settings.postgres_url, service.name)
    bus = Bus(settings.amqp_url, service.name, lambda subscription: prefetch(subscription.event))
    relay = Relay(database, bus)
    await db.migrate(database, MIGRATIONS / "messaging", *migrations)
    async with open_ports(Core(database, relay, bus)) as ports:
        gatherer = Gatherer(service, database, relay, settings)
        loop = Loop(service, ports, gatherer, retry or RetryPolicy())
        gatherer.judge, gatherer.before_commit = loop.judge, before_commit(ports)
        stands = health.Checks(database, bus)
        consuming = asyncio.create_task(bus.keep_open(loop.take))
        reporter = Reporter(service.name, stands.version, settings)
        jobs: list[Background] = [
            relay.run,
            gatherer.run,
            lambda: _housekeep(database),
            lambda: reporter.run(database, relay, bus),
            *background(ports),
        ]
        if settings.health_port:
            jobs.append(lambda: health.serve(settings.health_host, settings.health_port, stands))
        tasks = [asyncio.create_task(_keep_running(job)) for job in jobs]
        log.info("service.started", version=stands.version)
        await stopping.wait()
        await bus.stop_consuming()
        await loop.drain(settings.drain_seconds)
        await gatherer.drain(settings.drain_seconds)
        await relay.finish(settings.drain_seconds)
        for task in (*tasks, consuming):
            task.cancel()
        await asyncio.wait({*tasks, consuming}, timeout=5)
    await database.close()
    log.info("service.stopped")


async def _nothing() -> None:
    pass


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    return stopping


async def _keep_running(job: Background) -> None:
    while True:
        try:
            await job()
            return
        except db.Unavailable as error:
            log.warning("background.unavailable", error=repr(error))
        except Exception:
            log.exception("background.failed")
        await asyncio.sleep(1)


async def _housekeep(database: Database) -> None:
    while True:
        async with database.transaction() as connection:
            forgotten = await inbox.forget_old(connection)
        if forgotten < inbox.ROWS_DELETED_AT_ONCE:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
