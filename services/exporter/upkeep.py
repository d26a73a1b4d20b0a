"""The loop that moves many rows a few at a time: into clones of jobs, and away from jobs that were deleted.

Each portion is a transaction of its own, so that results go on being recorded meanwhile, and a killed process leaves
nothing half done: the next one goes on where it was.
"""

import asyncio
from dataclasses import dataclass

from services.exporter import clones, deletions
from shared.db import Database
from shared.telemetry import log

LOOKOUT_SECONDS = 0.5
PORTION_ROWS = 2_000
COPY_AGAIN_SECONDS = 1.0
COPY_LATE_SECONDS = 3_600.0
SETTLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Copies and sweeps.

    keep_seconds: how long a deleted job is kept, for clones of it that we have not heard of yet.
    settled_seconds: how long after its first sweep it is looked at a last time, for what was being written then.
    """

    database: Database
    keep_seconds: float
    settled_seconds: float = SETTLED_SECONDS
    portion_rows: int = PORTION_ROWS

    async def run(self) -> None:
        """Look out for what is due until cancelled."""
        while True:
            if not (await self.copy_once() | await self.sweep_once()):
                await asyncio.sleep(LOOKOUT_SECONDS)

    async def copy_once(self) -> bool:
        """Copy a portion into a clone; False when no clone has its turn.

        The original's findings are waited for. One that never has them all, or is gone, gives what it has.
        """
        async with self.database.transaction() as connection:
            clone = await clones.lock_due(connection, COPY_AGAIN_SECONDS, COPY_LATE_SECONDS)
            if clone is None:
                return False
            if clone.copied_seq < 0:
                is_complete = await clones.find_complete_original(connection, clone)
                if not (is_complete or clone.is_late):
                    return True
                if not is_complete:
                    log.warning("clone.incomplete", job_id=str(clone.job_id), original_id=str(clone.original_id))
                await clones.copy_job(connection, clone)
            copied_seq = await clones.copy_portion(connection, clone, self.portion_rows)
            if copied_seq is None:
                await clones.delete_clone(connection, clone)
            else:
                await clones.mark_copied(connection, clone, copied_seq)
        return True

    async def sweep_once(self) -> bool:
        """Delete a portion of a deleted job; False when none has its turn."""
        async with self.database.transaction() as connection:
            sweep = await deletions.lock_due(connection, self.keep_seconds, self.settled_seconds)
            if sweep is None:
                return False
            next_seq = await deletions.find_next_seq(connection, sweep)
            if next_seq is not None:
                await deletions.delete_portion(connection, sweep.job_id, next_seq, next_seq + self.portion_rows)
                return True
            await deletions.delete_exports(connection, sweep.job_id)
            await deletions.delete_deliveries(connection, sweep.job_id)
            await deletions.delete_job(connection, sweep.job_id)
            await deletions.mark_swept(connection, sweep)
        return True
