"""Idempotency-Key: the same key and request gives the same answer, once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from uuid import UUID

from services.gateway.store import idempotency
from shared.db import Database
from shared.envelope import new_id
from shared.errors import DarkroomError
from shared.outcome import Connection

KEY_CHARACTERS_MAX = 255


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
class Claim:
    """This request works on the key."""

    owner: UUID

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
    owner = new_id()
    async with database.transaction() as connection:
        await idempotency.forget_old(connection)
        row = await idempotency.claim_key(connection, account_id, operation, key, fingerprint, owner)
    if row["fingerprint"] != fingerprint:
        raise KeyReused
    if row["status"] is not None:
        return Answered(row["status"], json.loads(row["answer"]))
    if row["owner"] != owner:
        raise StillRunning
    return Claim(owner)


def fingerprint(fields: Mapping[str, str | None], file: BinaryIO | None = None) -> bytes:
    """What makes two requests the same: their fields and the file's content, not the multipart boundary."""
    digest = hashlib.sha256(json.dumps(sorted(fields.items())).encode())
    if file is not None:
        file.seek(0)
        while piece := file.read(1 << 20):
            digest.update(piece)
        file.seek(0)
    return digest.digest()
