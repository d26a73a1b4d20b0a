"""Ids of images that a job takes over from another: every service finds the same ones by itself."""

import hashlib
from uuid import UUID


def cloned_id(job_id: UUID, seq: int) -> UUID:
    """The id of a cloned job's image; in SQL `md5(job_id::text || ':' || seq)::uuid`."""
    return UUID(hashlib.md5(f"{job_id}:{seq}".encode(), usedforsecurity=False).hexdigest())
