"""Cleaning up after batches that hang: those that are older than a limit, and in which nothing happens any more."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.gateway.batches.control import NoSuchBatch, steering, stop
from services.gateway.ports import Ports
from services.gateway.store import batch_control, batch_deletions

NOTE = "Cleaned up by admin - stuck for too long"
ACTIVE = ("pending", "queued", "processing")
BATCHES_AT_ONCE = 1_000
LIVE_SECONDS = 60  # whatever moved within this time is alive, however old it is


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Batches that were cancelled, and their chunks that will not be worked on; chunks of those that go on."""

    batches: int
    chunks: int
    kept: int


async def clean_up(ports: Ports, age_max: timedelta) -> Cleaned:
    """Cancel active batches of all accounts that hang; chunks of theirs that are open have failed then."""
    async with ports.database.connection() as connection:
        active = await batch_control.list_active(connection, BATCHES_AT_ONCE)
    batches = chunks = kept = 0
    for row in active:
        if await _cancel_if_stuck(ports, row["account_id"], row["job_id"], age_max):
            batches += 1
            chunks += row["open_chunks"]
        else:
            kept += row["open_chunks"]
    return Cleaned(batches, chunks, kept)


async def _cancel_if_stuck(ports: Ports, account_id: str, job_id: UUID, age_max: timedelta) -> bool:
    now = datetime.now(UTC)
    try:
        async with steering(ports, account_id, job_id) as steered:
            patience = timedelta(0) if steered.status == "pending" else timedelta(seconds=LIVE_SECONDS)
            quiet = now - steered.job["updated_at"]
            if steered.status not in ACTIVE or quiet < max(age_max, patience):
                return False
            await stop(steered)
            await batch_deletions.note_on(steered.connection, job_id, NOTE)
    except NoSuchBatch:
        return False
    return True
