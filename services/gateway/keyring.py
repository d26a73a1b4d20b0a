"""API keys as requests meet them: remembered for two seconds, so that a revoked one ends everywhere soon."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.gateway import keys
from services.gateway.keys import Caller
from services.gateway.store import accounts
from shared.db import Database

REMEMBERED_SECONDS = 2.0
REMEMBERED_KEYS_MAX = 10_000
USES_SECONDS = 5
"""How often it is written which keys were used; each key's row at most once a minute."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was found for a key (None: nobody), and until when that is believed."""

    caller: Caller | None
    until: float


class Recent:
    """What was found for the keys that came last, by their digests; times are monotonic seconds."""

    def __init__(self, keys_max: int = REMEMBERED_KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._found: OrderedDict[bytes, Remembered] = OrderedDict()
        self.age = 0

    def get(self, digest: bytes, now: float) -> Remembered | None:
        """What is still believed of a key."""
        found = self._found.get(digest)
        return found if found is not None and now < found.until else None

    def put(self, digest: bytes, found: Remembered, age: int) -> None:
        """Remember a look-up, unless something was forgotten since it began (at `age`): it may have seen too little."""
        if age != self.age:
            return
        self._found.pop(digest, None)
        self._found[digest] = found
        if len(self._found) > self._keys_max:
            self._found.popitem(last=False)

    def forget(self, key_id: UUID) -> None:
        """Believe nothing of a key any more."""
        self.age += 1
        gone = [digest for digest, each in self._found.items() if each.caller and each.caller.key_id == key_id]
        for digest in gone:
            del self._found[digest]


class Keyring:
    """Finds whose key it is, without asking the database each time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent = Recent()
        self._used: dict[UUID, datetime] = {}

    async def find(self, key: str) -> Caller | None:
        """Whose key it is; None for one that is malformed, unknown or revoked."""
        if not keys.is_well_formed(key):
            return None
        digest, now, age = keys.digest_of(key), time.monotonic(), self._recent.age
        found = self._recent.get(digest, now)
        if found is None:
            async with self._database.connection() as connection:
                found = Remembered(await keys.find_caller(connection, key), now + REMEMBERED_SECONDS)
            self._recent.put(digest, found, age)
        if found.caller and found.caller.key_id:
            self._used[found.caller.key_id] = datetime.now(UTC)
        return found.caller

    def forget(self, key_id: UUID) -> None:
        """A key was revoked here: it ends now."""
        self._recent.forget(key_id)

    async def note_uses(self) -> None:
        """Write when keys were used last, beside the requests, until cancelled."""
        while True:
            await asyncio.sleep(USES_SECONDS)
            if used := self._used:
                self._used = {}
                async with self._database.connection() as connection:
                    await accounts.note_uses(connection, list(used), list(used.values()))
