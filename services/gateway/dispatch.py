"""Dispatch: lets images into the pipeline, fairly and never too many; stops those of cancelled jobs.

Images wait in our table, not in the broker. Each job has a window of images in flight, as wide as what it ends in about
a second; jobs take turns by account. Pausing is to stop topping up, cancelling is to end what was not let in.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from services.gateway import batch_projection, domain, projection
from services.gateway.batch_projection import Ended
from services.gateway.domain import Demand, Pace
from services.gateway.image_events import image_cancelled, image_requested
from services.gateway.live import Live
from services.gateway.settings import Settings
from services.gateway.store import batches, chunks, images, jobs
from services.gateway.store.jobs import Progress
from shared import outbox
from shared.db import Database
from shared.events import Event
from shared.facts import Recipe
from shared.outbox import Letter, Relay
from shared.outcome import Connection

IDLE_SECONDS = 0.5
GATHER_SECONDS = 0.1
CANCELLED_AT_ONCE = 500  # one event names them all


class Dispatcher:
    """The one loop that lets images in; of several gateways one does at a time."""

    def __init__(self, database: Database, relay: Relay, live: Live, settings: Settings) -> None:
        self._database = database
        self._relay = relay
        self._live = live
        self._settings = settings
        self._paces: dict[UUID, Pace] = defaultdict(Pace)

    async def run(self) -> None:
        """Top the windows up whenever something changed, until cancelled."""
        while True:
            self._live.anything.clear()
            more = await self._round()
            if not more:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._live.anything.wait(), IDLE_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)

    async def _round(self) -> bool:
        """Let in what there is room for; True when a cancelled job has more to stop."""
        async with self._database.transaction() as connection:
            if not await jobs.try_lock_dispatch(connection):
                return False
            rows = await jobs.list_to_dispatch(connection)
            shares = self._shares(rows)
            stopping = [row["job_id"] for row in rows if row["state"] == "cancelling"]
            # Whoever steers a job or cancels its images holds it: what is read under the lock stays until the commit.
            locked = await jobs.lock_to_dispatch(connection, [*shares, *stopping])
            letters: list[Letter] = []
            for job in locked:
                if job["state"] == "cancelling":
                    letters += await self._stop(connection, job)
                elif _is_running(job):
                    letters += await self._request(connection, job, shares.get(job["job_id"], 0))
            posted = await outbox.add(connection, letters)
        self._relay.publish(posted)
        self._forget({row["job_id"] for row in rows})
        return any(job["state"] == "cancelling" and _left(job) > CANCELLED_AT_ONCE for job in locked)

    def _forget(self, under_way: set[UUID]) -> None:
        for job_id in self._paces.keys() - under_way:
            del self._paces[job_id]

    def _demand(self, row: asyncpg.Record, now: float) -> Demand:
        pace = self._paces[row["job_id"]]
        pace.observe(now, row["images_ended"])
        window = pace.window(
            self._settings.dispatch_target_seconds,
            self._settings.dispatch_job_images_min,
            self._settings.dispatch_job_images_max,
        )
        window = min(window, row["in_flight_max"] or window)
        return Demand(row["job_id"], row["account_id"], _left(row), row["in_flight"], window)

    def _shares(self, rows: Sequence[asyncpg.Record]) -> dict[UUID, int]:
        """How many images each job may let in now."""
        now = time.monotonic()
        demands = [self._demand(row, now) for row in rows if _is_running(row)]
        room = self._settings.dispatch_images_max - sum(row["in_flight"] for row in rows)
        return domain.share_out(demands, room)

    async def _request(self, connection: Connection, job: asyncpg.Record, count: int) -> list[Letter]:
        found = await images.list_pending(connection, job["job_id"], job["next_seq"], count)
        if not found:
            return []
        await jobs.advance(connection, job["job_id"], found[-1]["seq"] + 1, len(found))
        if job["kind"] == "batch":
            await batches.mark_started(connection, job["job_id"])
            await chunks.mark_started(connection, job["job_id"], found[0]["seq"], found[-1]["seq"])
        now = datetime.now(UTC)
        recipe = Recipe.model_validate_json(job["recipe"])
        return [_letter(job, image_requested(job, row, recipe, now)) for row in found]

    async def _stop(self, connection: Connection, job: asyncpg.Record) -> list[Letter]:
        """End some of the images of a cancelled job that were never let in."""
        found = await images.list_pending(connection, job["job_id"], job["next_seq"], CANCELLED_AT_ONCE)
        if not found:
            events = await projection.complete(connection, [job["job_id"]])
            return [_letter(job, event) for event in events]
        await images.mark_cancelled(connection, [row["image_id"] for row in found], job["run"])
        await jobs.advance(connection, job["job_id"], found[-1]["seq"] + 1, 0)
        items = {row["seq"] - row["position"]: row["item_size"] for row in found}
        ended = await images.count_items_ended(
            connection, [job["job_id"]] * len(items), list(items), list(items.values())
        )
        progress = Progress(cancelled=len(found), items_ended=ended.get(job["job_id"], 0))
        await jobs.add_progress(connection, {job["job_id"]: progress})
        await batch_projection.record_ended(
            connection, [Ended(job["job_id"], row["seq"], "cancelled") for row in found]
        )
        events = await projection.complete(connection, [job["job_id"]])
        return [_letter(job, event) for event in [image_cancelled(job, found), *events]]


def _is_running(job: asyncpg.Record) -> bool:
    return job["state"] == "open" and not job["paused"]


def _left(job: asyncpg.Record) -> int:
    """How many of a job's images are neither ended nor in flight."""
    return int(job["images_total"] - job["images_ended"] - job["in_flight"])


def _letter(job: asyncpg.Record, event: Event) -> Letter:
    return outbox.following(job["traceparent"], event, source="gateway")
