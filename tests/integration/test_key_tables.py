"""Keys in Postgres: the last admin key stays whoever revokes at the same time, and uses are written now and then."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.gateway import accounts
from services.gateway.accounts import LastAdminKey, NoSuchKey, make_key, open_account, revoke_key
from services.gateway.keyring import Keyring
from services.gateway.store.accounts import find_key_by_id, note_uses
from shared.db import MIGRATIONS, Database, migrate
from tests.brokers import create_database, drop_database

GATEWAY = Path(__file__).parents[2] / "services" / "gateway" / "migrations"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROUNDS = 20


@pytest.fixture
async def database(postgres_server: str, postgres_url: str) -> AsyncIterator[Database]:
    """The gateway's tables with one account and no keys."""
    url = await create_database(postgres_server)
    opened = await Database.open(url, "gateway")
    await migrate(opened, MIGRATIONS / "messaging", GATEWAY)
    async with opened.transaction() as connection:
        await open_account(connection, "admin", "")
    yield opened
    await opened.close()
    await drop_database(postgres_server, url)


@pytest.fixture
def keyring(database: Database) -> Keyring:
    """A gateway's memory of keys."""
    return Keyring(database)


async def made(database: Database, *, admin: bool = True) -> UUID:
    """A fresh key's id."""
    found = await make_key(database, "admin", "", admin=admin)
    assert found is not None
    return UUID(str(found[1]["key_id"]))


async def is_revoked(database: Database, key_id: UUID) -> bool:
    """Whether a key has ended."""
    async with database.connection() as connection:
        row = await find_key_by_id(connection, key_id)
    assert row is not None
    return row["revoked_at"] is not None


async def test_when_all_admin_keys_are_revoked_at_once_one_stays(database: Database, keyring: Keyring) -> None:
    last = await made(database)
    for _ in range(ROUNDS):
        both = (last, await made(database))
        ended = await asyncio.gather(*(revoke_key(database, keyring, each) for each in both), return_exceptions=True)
        assert sum(isinstance(each, LastAdminKey) for each in ended) == 1
        (last,) = [each for each in both if not await is_revoked(database, each)]


async def test_other_keys_may_all_be_revoked_and_again(database: Database, keyring: Keyring) -> None:
    await made(database)
    ordinary = await made(database, admin=False)
    first = await revoke_key(database, keyring, ordinary)
    assert (await revoke_key(database, keyring, ordinary))["revoked_at"] == first["revoked_at"]


async def test_what_does_not_exist_is_neither_made_nor_revoked(database: Database, keyring: Keyring) -> None:
    assert await accounts.make_key(database, "nobody", "", admin=False) is None
    with pytest.raises(NoSuchKey):
        await revoke_key(database, keyring, uuid4())


async def test_a_gateway_that_revokes_a_key_believes_it_no_longer(database: Database, keyring: Keyring) -> None:
    found = await make_key(database, "admin", "", admin=False)
    assert found is not None
    key, row = found
    caller = await keyring.find(key)
    assert caller is not None
    assert (caller.account_id, caller.key_id, caller.is_admin) == ("admin", row["key_id"], False)
    await revoke_key(database, keyring, row["key_id"])
    assert await keyring.find(key) is None


async def test_a_keys_use_is_written_at_most_once_a_minute(database: Database) -> None:
    key_id = await made(database)
    written = []
    for seconds in (0, 30, 59, 60, 61, 3600):
        async with database.connection() as connection:
            await note_uses(connection, [key_id], [NOON + timedelta(seconds=seconds)])
            row = await find_key_by_id(connection, key_id)
        assert row is not None
        written.append((row["last_used_at"] - NOON).total_seconds())
    assert written == [0, 0, 0, 60, 60, 3600]


async def test_uses_are_not_waited_for(database: Database) -> None:
    busy, free = await made(database), await made(database)
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM api_keys WHERE key_id = $1 FOR UPDATE", busy)
        async with database.connection() as other, asyncio.timeout(5):
            await note_uses(other, [busy, free], [NOON, NOON])
    async with database.connection() as connection:
        rows = [await find_key_by_id(connection, key_id) for key_id in (busy, free)]
    assert [row and row["last_used_at"] for row in rows] == [None, NOON]
