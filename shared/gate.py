"""Which jobs are paused or cancelled: asked by a worker before it spends anything on an image."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
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

_STATES: dict[type[Event], str] = {JobPaused: "paused", JobResumed: "running", JobCancelled: CANCELLED}


@dataclass(frozen=True, slots=True)
class Control:
    """The newest word about a job."""

    job_id: UUID
    state: str
    version: int


class Gate:
    """A copy of the jobs that are not simply running, refreshed from the table that all replicas share."""

    def __init__(self) -> None:
        self._states: dict[UUID, str] = {}

    def admit(self, event: ImageEvent) -> None:
        """Let the image pass; raises NotYet while its job is paused, Permanent `cancelled` when it is cancelled."""
        state = self._states.get(event.job_id)
        if state == CANCELLED:
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
                    SELECT job_id, state FROM job_controls
                    WHERE state <> 'running' AND changed_at > now() - make_interval(days => $1)
                    """,
                    CONTROLS_KEPT_DAYS,
                )
                await release_needless_waits(connection)
            self._states = {row["job_id"]: row["state"] for row in rows}
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
    """Remember the newest word about a job."""
    return Outcome(record=[Control(event.job_id, _STATES[type(event)], event.version)])


async def record_controls(connection: Connection, controls: Sequence[Control]) -> Sequence[Event]:
    """Keep the newest word per job, and let go what waited for a job that runs again or never will."""
    newest = {control.job_id: control for control in sorted(controls, key=lambda control: control.version)}
    ordered = sorted(newest.values(), key=lambda control: control.job_id)
    await connection.execute(
        """
        INSERT INTO job_controls (job_id, state, version)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[])
        ON CONFLICT (job_id) DO UPDATE
        SET state = excluded.state, version = excluded.version, changed_at = now()
        WHERE job_controls.version < excluded.version AND job_controls.state <> 'cancelled'
        """,
        [control.job_id for control in ordered],
        [control.state for control in ordered],
        [control.version for control in ordered],
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
