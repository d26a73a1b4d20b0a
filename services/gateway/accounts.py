"""Accounts and their keys: made and revoked, each in one transaction with what is said of it."""

from dataclasses import replace
from uuid import UUID

import asyncpg

from services.gateway import keys
from services.gateway.keyring import Keyring
from services.gateway.store import accounts
from shared import outbox
from shared.db import Database
from shared.envelope import new_traceparent
from shared.errors import DarkroomError
from shared.events import AccountOpened
from shared.outbox import Posted
from shared.outcome import Connection


class NoSuchKey(DarkroomError):
    """There is no such key."""


class LastAdminKey(DarkroomError):
    """It is the last admin key that is valid: make another one first."""


async def open_account(
    connection: Connection, account_id: str, name: str, *, delay_seconds: float = 0
) -> tuple[asyncpg.Record, list[Posted]] | None:
    """Make an account; returns its row and the letter to be published after the commit. None when it exists.

    delay_seconds: leaves publishing to the relay's look-out, e.g. where there is no broker yet.
    """
    row = await accounts.insert_account(connection, account_id, name)
    if row is None:
        return None
    letter = outbox.following(new_traceparent(), AccountOpened(account_id=account_id), source="gateway")
    return row, await outbox.add(connection, [replace(letter, delay_seconds=delay_seconds)])


async def make_key(
    database: Database, account_id: str, label: str, *, admin: bool
) -> tuple[str, asyncpg.Record] | None:
    """Make a key; returns it with its row: it is kept nowhere. None when there is no such account."""
    key = keys.new_key()
    async with database.transaction() as connection:
        if await accounts.find_account(connection, account_id) is None:
            return None
        row = await accounts.insert_key(connection, keys.kept(key, account_id, label=label, admin=admin))
    assert row is not None, "two keys with one handle"
    return key, row


async def revoke_key(database: Database, keyring: Keyring, key_id: UUID) -> asyncpg.Record:
    """End a key for good, here at once; a repeat changes nothing. Raises NoSuchKey, LastAdminKey."""
    async with database.transaction() as connection:
        key = await accounts.find_key_by_id(connection, key_id)
        if key is None:
            raise NoSuchKey
        if key["admin"] and await accounts.lock_admin_keys(connection) == [key_id]:
            raise LastAdminKey
        row = await accounts.mark_revoked(connection, key_id)
    keyring.forget(key_id)
    return row
