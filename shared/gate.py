"""Which jobs are paused or cancelled: asked by a worker before it spends anything on an image."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from shared import outbox
from shared.db import Database
from shared.errors import NotYet, Permanent, Problem
from shared.events import (
    Event,
    ImageCancelled,
    ImageEvent,
    ImageFailed,
    JobCancelled,
    JobControl,
    JobPaused,
    JobResumed,
)
from shared.facts import StoppedImage
from shared.outcome import Connection, Handler, Outcome, Recorder

REFRESH_SECONDS = 0.5
PAUSE_LOOKED_AT_SECONDS = 60
CONTROLS_KEPT_DAYS = 14
CANCELLED = "cancelled"
ALL_RUNS = 2_147_483_647

_STATES: dict[type[Event], str] = {JobPaused: "paused", JobResumed: "running", JobCancelled: CANCELLED}


@dataclass(frozen=True, slots=True)
class Control:
    """A word about a job; a cancellation holds for `cancelled_run` and earlier ones."""

    job_id: UUID
    state: str
    version: int
    cancelled_run: int = 0


class Gate:
    """A copy of the jobs that are not simply running, refreshed from the table that all replicas share."""

    def __init__(self) -> None:
        self._words: dict[UUID, tuple[str, int]] = {}

    def admit(self, event: ImageEvent) -> None:
        """Let the image pass; raises NotYet while its job is paused, Permanent `cancelled` when its run is."""
        state, cancelled_run = self._words.get(event.job_id, ("running", 0))
        if event.run <= cancelled_run:
            raise Permanent(CANCELLED, "The job was cancelled.")
        if state == "paused":
            raise NotYet("the job is paused", PAUSE_LOOKED_AT_SECONDS, waiting_for=str(event.job_id))

    async def keep_fresh(self, database: Database) -> None:
        """Read the table again and again, until cancelled.

        A handler that looked at an older copy may have sent an image to wait just after its job was resumed.
        """
        while True:
            async with database.connection() as connection:
                rows = await connection.fetch(
                    """
                    SELECT job_id, state, cancelled_run FROM job_controls
                    WHERE (state <> 'running' OR cancelled_run > 0)
                      AND changed_at > now() - make_interval(days => $1)
                    """,
                    CONTROLS_KEPT_DAYS,
                )
                await release_needless_waits(connection)
            self._words = {row["job_id"]: (row["state"], row["cancelled_run"]) for row in rows}
            await asyncio.sleep(REFRESH_SECONDS)


async def release_needless_waits(connection: Connection) -> None:
    """Make those letters due now that wait for jobs which are not paused."""
    await connection.execute(
        """
        UPDATE outbox SET available_at = now(), waiting_for = NULL
        WHERE id IN (
            SELECT id FROM outbox
            WHERE waiting_for IS NOT NULL AND NOT EXISTS (
                SELECT FROM job_controls WHERE job_id = outbox.waiting_for::uuid AND state = 'paused'
            )
            FOR UPDATE SKIP LOCKED
        )
        """
    )


class HasGate(Protocol):
    """Ports of a service that has a gate."""

    @property
    def gate(self) -> Gate: ...  # noqa: D102


async def on_job_control(event: JobControl, ports: HasGate) -> Outcome:
    """Remember a word about a job."""
    cancelled = (ALL_RUNS if event.run is None else event.run) if isinstance(event, JobCancelled) else 0
    return Outcome(record=[Control(event.job_id, _STATES[type(event)], event.version, cancelled)])


async def record_controls(connection: Connection, controls: Sequence[Control]) -> Sequence[Event]:
    """Keep the newest word per job and the latest run that was cancelled, and let go what waited for a job that runs
    again or never will."""
    newest: dict[UUID, Control] = {}
    for control in sorted(controls, key=lambda control: control.version):
        earlier = newest.get(control.job_id, control)
        newest[control.job_id] = replace(control, cancelled_run=max(earlier.cancelled_run, control.cancelled_run))
    ordered = sorted(newest.values(), key=lambda control: control.job_id)
    await connection.execute(
        """
        INSERT INTO job_controls (job_id, state, version, cancelled_run)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[])
        ON CONFLICT (job_id) DO UPDATE
        SET state = CASE
                WHEN excluded.version > job_controls.version THEN excluded.state
                ELSE job_controls.state
            END,
            version = greatest(job_controls.version, excluded.version),
            cancelled_run = greatest(job_controls.cancelled_run, excluded.cancelled_run),
            changed_at = now()
        WHERE job_controls.version < excluded.version OR job_controls.cancelled_run < excluded.cancelled_run
        """,
        [control.job_id for control in ordered],
        [control.state for control in ordered],
        [control.version for control in ordered],
        [control.cancelled_run for control in ordered],
    )
    await outbox.release_waiting(connection, [control.job_id for control in ordered if control.state != "paused"])
    return ()


def gave_up_on_image(stage: str, event: Event, problem: Problem, attempts: int) -> Outcome | None:
    """What becomes of an image that this service will not bring further; None when the event is not an image's."""
    if not isinstance(event, ImageEvent):
        return None
    if problem.problem == CANCELLED:
        return Outcome(emit=[_cancelled(event)])
    failed = ImageFailed.following(
        event,
        stage=stage,
        problem=problem.problem,
        detail=problem.detail,
        attempts=attempts,
        ended_at=datetime.now(UTC),
    )
    return Outcome(emit=[failed])


def _cancelled(event: ImageEvent) -> ImageCancelled:
    return ImageCancelled(
        account_id=event.account_id,
        job_id=event.job_id,
        kind=event.kind,
        run=event.run,
        price_tokens=event.price_tokens,
        images=(StoppedImage(image_id=event.image_id, seq=event.seq, label=event.label, source=event.source),),
    )


HANDLERS: dict[type[Event], Handler] = {
    JobPaused: on_job_control,
    JobResumed: on_job_control,
    JobCancelled: on_job_control,
}
RECORDERS: dict[type, Recorder] = {Control: record_controls}
