"""What a gateway sees to before it answers anybody: the accounts `local` and `admin`, and a first admin key."""

import asyncio
import os
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path
from uuid import uuid4

from services.gateway import keys
from services.gateway.accounts import open_account
from services.gateway.keys import ADMIN_ACCOUNT, LOCAL_ACCOUNT
from services.gateway.store import accounts
from shared.db import Database
from shared.errors import DarkroomError
from shared.telemetry import log

FIRST_ACCOUNTS = ((LOCAL_ACCOUNT, "This machine"), (ADMIN_ACCOUNT, "Operators"))
SOON_SECONDS = 0.1
LABEL = "first admin key"


class AdminKeyInvalid(DarkroomError):
    """The file that DARKROOM_ADMIN_KEY_FILE names does not hold an API key."""


async def found(database: Database, admin_key_file: Path | None) -> None:
    """See to all of it. Any gateway may do so at any time, together with others, and again after a kill.

    The key is in its file before it is registered: whoever is killed between the two, the next one registers it.
    """
    async with database.transaction() as connection:
        for account_id, name in FIRST_ACCOUNTS:
            await open_account(connection, account_id, name, delay_seconds=SOON_SECONDS)
    if admin_key_file is not None:
        await _register(database, await asyncio.to_thread(_key_in, admin_key_file))


async def _register(database: Database, key: str) -> None:
    kept = keys.kept(key, ADMIN_ACCOUNT, label=LABEL, admin=True)
    async with database.transaction() as connection:
        made = await accounts.insert_key(connection, kept)
        known = await accounts.find_key(connection, kept.handle)
    if made:
        log.info("admin_key.registered", handle=kept.handle)
    elif known is None:
        log.warning("admin_key.revoked", handle=kept.handle)
    elif not (known["admin"] and compare_digest(known["digest"], kept.digest)):
        log.error("admin_key.is_another_key", handle=kept.handle)


def _key_in(file: Path) -> str:
    """The key in a file; whoever comes first makes it. Raises AdminKeyInvalid."""
    if not file.exists():
        _make(file)
    key = file.read_text(encoding="utf-8", errors="replace").strip()
    if not keys.is_well_formed(key):
        raise AdminKeyInvalid(f"{file} does not hold an API key: remove it, and a new one is made.")
    return key


def _make(file: Path) -> None:
    """Put a new key there in one step, on the disk before anybody hears of it."""
    fresh = file.with_name(f"{file.name}.{uuid4().hex}")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(keys.new_key() + "\n")
        opened.flush()
        os.fsync(descriptor)
    with suppress(FileExistsError):
        os.link(fresh, file)  # only the first one wins, and the file is never half written
    fresh.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
