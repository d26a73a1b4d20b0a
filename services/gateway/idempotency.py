"""Idempotency-Key: the same key and request gives the same answer, once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from uuid import UUID

import asyncpg

from services.gateway.store import idempotency
from shared.db import Database
from shared.envelope import new_id
from shared.errors import DarkroomError
from shared.outcome import Connection

KEY_CHARACTERS_MAX = 255
SAME_REQUEST_SECONDS_MAX = 1


class KeyReused(DarkroomError):
    """This Idempotency-Key was used for a different request."""


class StillRunning(DarkroomError):
    """A request with this Idempotency-Key is still being worked on."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered before."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Bound:
    """The request became a job: the answer is told from that, as soon as it can be."""

    job_id: UUID


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request with an Idempotency-Key."""

    account_id: str
    operation: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """This request works on the key."""

    owner: UUID

    async def bind(self, connection: Connection, job_id: UUID) -> None:
        """Tell the answer from this job from now on."""
        await idempotency.bind_job(connection, self.owner, job_id)

    async def answer(self, connection: Connection, status: int, body: Any) -> None:
        """Keep the answer, in the transaction that makes it true; raises StillRunning when another took over."""
        if not await idempotency.record_answer(connection, self.owner, status, json.dumps(body)):
            raise StillRunning

    async def release(self, database: Database) -> None:
        """Let the key go: the request was refused."""
        async with database.transaction() as connection:
            await idempotency.release_key(connection, self.owner)


async def claim(database: Database, account_id: str, operation: str, key: str, fingerprint: bytes) -> Claim | Answered:
    """Claim a key. Raises KeyReused, StillRunning."""
    async with database.transaction() as connection:
        found = await claim_within(connection, Keyed(account_id, operation, key, fingerprint))
    assert not isinstance(found, Bound), "an operation either binds its keys or answers them"
    return found


async def claim_within(connection: Connection, keyed: Keyed) -> Claim | Answered | Bound:
    """Claim a key in the transaction that does the work; raises KeyReused, StillRunning.

    A refusal, which rolls the work back, lets the key go with it; the same request meanwhile waits for the commit.
    """
    owner = new_id()
    await idempotency.forget_old(connection)
    row = await idempotency.claim_key(
        connection, keyed.account_id, keyed.operation, keyed.key, keyed.fingerprint, owner
    )
    if row["fingerprint"] != keyed.fingerprint:
        raise KeyReused
    if row["status"] is not None:
        return Answered(row["status"], json.loads(row["answer"]))
    if row["job_id"] is not None:
        return Bound(row["job_id"])
    if row["owner"] != owner:
        raise StillRunning
    return Claim(owner)


async def claim_unless_running(connection: Connection, keyed: Keyed) -> Claim | Answered:
    """As `claim_within`, for work that may take long: the same request meanwhile is not kept waiting for its end.

    Whatever ends the work, be it a kill, lets the key go at once. Raises KeyReused, StillRunning.
    """
    await idempotency.limit_lock_waits(connection, SAME_REQUEST_SECONDS_MAX)
    try:
        found = await claim_within(connection, keyed)
    except asyncpg.LockNotAvailableError:
        raise StillRunning from None
    await idempotency.limit_lock_waits(connection, 0)
    assert not isinstance(found, Bound), "an operation either binds its keys or answers them"
    return found


async def release_job(connection: Connection, job_id: UUID) -> None:
    """Let the key go that stands for a job which came to nothing: the same request may be tried again."""
    await idempotency.release_job(connection, job_id)


def fingerprint(fields: Mapping[str, str | None], file: BinaryIO | None = None) -> bytes:
    """What makes two requests the same: their fields and the file's content, not the multipart boundary."""
    digest = hashlib.sha256(json.dumps(sorted(fields.items())).encode())
    if file is not None:
        file.seek(0)
        while piece := file.read(1 << 20):
            digest.update(piece)
        file.seek(0)
    return digest.digest()
