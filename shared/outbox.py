"""Events as rows of the transaction that changes state, and the relay that publishes them with confirms.

A row is deleted when the broker has confirmed it. New rows are published by the process that wrote them, right after
its commit; the relay's look-out (`due`) only finds what such a process left behind, and retries that have come due.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.bus import Bus, Closed
from shared.db import Database, Unavailable
from shared.envelope import Enclosed, child_traceparent, enclose
from shared.events import Event
from shared.outcome import Connection
from shared.publishing import Publication
from shared.telemetry import log
from shared.topology import DEAD

GRACE_SECONDS = 5
LEASE_SECONDS = 15
LOOKOUT_SECONDS = 0.5
PUBLISHED_AT_ONCE = 50
PUBLISHES_IN_FLIGHT_MAX = 4
ROWS_AT_ONCE = 500
COUNTED_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be sent. `queue`: straight there (a retry, a dead letter), else to everyone who listens.

    told: of a dead letter, whether others were told that its event has failed.
    """

    enclosed: Enclosed
    queue: str | None = None
    attempt: int = 1
    first_attempt_at: datetime | None = None
    reason: str | None = None
    waiting_for: str | None = None
    delay_seconds: float = 0
    told: bool = False

    @property
    def is_immediate(self) -> bool:
        """Whether the writing process publishes it itself."""
        return self.delay_seconds <= 0

    @property
    def is_dead(self) -> bool:
        """Whether it goes to the dead letters."""
        return (self.queue or "").endswith(DEAD)


def following(traceparent: str, event: Event, *, source: str) -> Letter:
    """The letter that says `event`, one step on in a trace."""
    return Letter(enclose(event, source=source, traceparent=child_traceparent(traceparent)))


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter with its row's id."""

    id: int
    letter: Letter


async def add(connection: Connection, letters: Sequence[Letter]) -> list[Posted]:
    """Write the letters; returns those that the caller is to publish at once.

    A retry is never merged with an earlier one of the same event: that row may be on its way out, confirmed and about
    to be deleted. A repeat costs a delivery, a lost one an image.
    """
    if not letters:
        return []
    now = datetime.now(UTC)
    rows = await connection.fetch(
        """
        INSERT INTO outbox (event_id, event_type, subject, traceparent, body, queue, attempt, first_attempt_at, reason,
                            waiting_for, available_at, due_at, told)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::int[],
                             $8::timestamptz[], $9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[],
                             $13::bool[])
        RETURNING id, event_id, queue
        """,
        [letter.enclosed.event_id for letter in letters],
        [letter.enclosed.type for letter in letters],
        [letter.enclosed.subject for letter in letters],
        [letter.enclosed.traceparent for letter in letters],
        [letter.enclosed.body for letter in letters],
        [letter.queue for letter in letters],
        [letter.attempt for letter in letters],
        [letter.first_attempt_at for letter in letters],
        [letter.reason for letter in letters],
        [letter.waiting_for for letter in letters],
        [now + timedelta(seconds=GRACE_SECONDS if letter.is_immediate else letter.delay_seconds) for letter in letters],
        [now + timedelta(seconds=letter.delay_seconds) for letter in letters],
        [letter.told for letter in letters],
    )
    ids = {(row["event_id"], row["queue"]): row["id"] for row in rows}
    posted = [
        Posted(ids[key], letter) for letter in letters if (key := (letter.enclosed.event_id, letter.queue)) in ids
    ]
    return [each for each in posted if each.letter.is_immediate]


async def lease_due(connection: Connection, limit: int) -> list[Posted]:
    """Take letters whose time has come; whoever takes them has LEASE_SECONDS to publish them."""
    rows = await connection.fetch(
        """
        UPDATE outbox SET available_at = now() + make_interval(secs => $2)
        WHERE id IN (
            SELECT id FROM outbox
            WHERE available_at <= now()
            ORDER BY available_at
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING id, event_id, event_type, subject, traceparent, body, queue, attempt, first_attempt_at, reason, told
        """,
        limit,
        float(LEASE_SECONDS),
    )
    return [
        Posted(
            row["id"],
            Letter(
                Enclosed(row["event_id"], row["event_type"], row["subject"], row["traceparent"], row["body"]),
                row["queue"],
                row["attempt"],
                row["first_attempt_at"],
                row["reason"],
                told=row["told"],
            ),
        )
        for row in rows
    ]


async def delete(connection: Connection, ids: Sequence[int]) -> None:
    """Forget letters that the broker has."""
    await connection.execute("SET LOCAL synchronous_commit = off")  # lost in a crash, it is sent again: harmless
    await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", ids)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What stands in an outbox: letters that are due, since when the oldest is, and retries whose time is to come."""

    rows: int
    oldest_at: datetime | None
    retries_waiting: int
    has_report: bool


async def count_backlog(connection: Connection, report_type: str, instance_id: str) -> Backlog:
    """Count what is to be said, reports left out: no more than COUNTED_MAX letters are looked at.

    has_report: whether a report of this instance has not gone out yet.
    """
    row = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE NOT is_report AND NOT waits) AS rows,
               min(due_at) FILTER (WHERE NOT is_report AND NOT waits) AS oldest_at,
               count(*) FILTER (WHERE waits AND attempt > 1) AS retries_waiting,
               coalesce(bool_or(is_report AND subject = $2), false) AS has_report
        FROM (
            SELECT event_type = $1 AS is_report, subject, attempt, least(due_at, available_at) AS due_at,
                   first_attempt_at IS NOT NULL AND least(due_at, available_at) > now() AS waits
            FROM outbox
            LIMIT $3
        ) AS letters
        """,
        report_type,
        instance_id,
        COUNTED_MAX,
    )
    assert row is not None
    return Backlog(**row)


async def release_waiting(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Make the letters that wait for these jobs due now."""
    await connection.execute(
        """
        UPDATE outbox SET available_at = now(), waiting_for = NULL
        WHERE waiting_for = ANY($1::text[])
        """,
        [str(job_id) for job_id in job_ids],
    )


class Relay:
    """Publishes letters, many at once, and deletes what was confirmed."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._confirmed: list[int] = []
        self._in_flight: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(PUBLISHES_IN_FLIGHT_MAX)

    def publish(self, posted: Sequence[Posted]) -> None:
        """Start publishing; what fails stays in the table and comes due again."""
        fresh = [each for each in posted if each.id not in self._in_flight]
        self._in_flight.update(each.id for each in fresh)
        for start in range(0, len(fresh), PUBLISHED_AT_ONCE):
            task = asyncio.create_task(self._publish(fresh[start : start + PUBLISHED_AT_ONCE]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def is_busy(self) -> bool:
        """Whether something is being published."""
        return bool(self._tasks)

    async def run(self) -> None:
        """Look out for due letters and tidy up, until cancelled."""
        while True:
            try:
                found = await self._look_out()
            except Unavailable as error:
                log.warning("outbox.unavailable", error=repr(error))
                found = 0
            if found < ROWS_AT_ONCE:
                await asyncio.sleep(LOOKOUT_SECONDS)

    async def finish(self, seconds: float) -> None:
        """Wait for what is under way, then delete what was confirmed."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await self._delete_confirmed()

    async def _look_out(self) -> int:
        await self._delete_confirmed()
        if not self._bus.is_open:
            return 0
        async with self._database.connection() as connection:  # one statement is a transaction of its own
            due = await lease_due(connection, ROWS_AT_ONCE)
        self.publish(due)
        return len(due)

    async def _delete_confirmed(self) -> None:
        if ids := tuple(self._confirmed):  # more are confirmed while these are deleted
            async with self._database.transaction() as connection:
                await delete(connection, ids)
            self._confirmed = self._confirmed[len(ids) :]
            self._in_flight.difference_update(ids)

    async def _publish(self, posted: Sequence[Posted]) -> None:
        async with self._slots:
            try:
                faults = await self._bus.publish([_publication(each.letter) for each in posted])
            except Closed as error:
                faults = [str(error)] * len(posted)
        for each, fault in zip(posted, faults, strict=True):
            if fault is None:
                self._confirmed.append(each.id)
            else:
                self._in_flight.discard(each.id)
                log.warning("publish.failed", event_id=str(each.letter.enclosed.event_id), error=fault)


def _publication(letter: Letter) -> Publication:
    return Publication(
        letter.enclosed, letter.queue, letter.attempt, letter.first_attempt_at, letter.reason, letter.told
    )
