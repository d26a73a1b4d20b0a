"""What ids of the albums door name: one of its jobs, which is an image of ours, or a batch of them, our job."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.gateway.album_states import ENDED_STATUSES, AlbumStatus, status_of
from services.gateway.store import album_jobs
from shared.outcome import Connection

REFERENCE = re.compile(r"(?:album-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|batch)-\d{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Named:
    """A job of the door, or a batch; the rows of its images, at least one."""

    id: str
    rows: Sequence[asyncpg.Record]
    is_batch: bool

    @property
    def status(self) -> AlbumStatus:
        """Where it is."""
        return batch_status([status_of(row) for row in self.rows])

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is to come."""
        return self.status in ENDED_STATUSES

    @property
    def job_id(self) -> UUID:
        """Our job that it is, or is a part of."""
        found: UUID = self.rows[0]["job_id"]
        return found

    @property
    def image_ids(self) -> list[UUID]:
        """Its images."""
        return [row["image_id"] for row in self.rows]


def batch_status(statuses: Sequence[AlbumStatus]) -> AlbumStatus:
    """Where several jobs are together: under way until all have ended; completed when anything succeeded."""
    under_way: set[AlbumStatus] = set(statuses) - ENDED_STATUSES
    if under_way:
        return "PENDING" if set(statuses) == {"PENDING"} else "PROCESSING"
    for status in ("COMPLETED", "FAILED"):
        if status in statuses:
            return status
    return "CANCELLED"


async def find_named(connection: Connection, account_id: str, texts: Iterable[str]) -> dict[str, Named]:
    """What an account's ids name, by the id as it was given; ids that name nothing are left out."""
    ids = {text: known for text in texts if (known := _uuid(text))}
    references = [text for text in texts if REFERENCE.fullmatch(text)]
    rows = await album_jobs.list_named(connection, account_id, list(ids.values()), references)
    found: dict[str, Named] = {}
    for text in texts:
        known = ids.get(text)
        single = [row for row in rows if row["image_id"] == known]
        batch = [row for row in rows if row["job_id"] == known or row["reference"] == text]
        if single:
            found[text] = Named(str(known), single, is_batch=False)
        elif batch:
            found[text] = Named(batch[0]["reference"] or str(batch[0]["job_id"]), batch, is_batch=True)
    return found


def _uuid(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
