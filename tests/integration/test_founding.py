"""What a gateway sees to at its start: exactly once, with any number of gateways, and whenever they are killed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from services.gateway import keys
from services.gateway.founding import AdminKeyInvalid, found
from shared.db import MIGRATIONS, Database, migrate
from tests.brokers import create_database, drop_database

ROOT = Path(__file__).parents[2]
GATEWAY = ROOT / "services" / "gateway" / "migrations"
KILLS = 12
FOUNDER = """
import asyncio, sys
from pathlib import Path
from services.gateway.founding import found
from shared.db import Database

async def main():
    database = await Database.open(sys.argv[1], "gateway", connections_max=1)
    print("ready", flush=True)
    await found(database, Path(sys.argv[2]))
    print("done", flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def url(postgres_server: str, postgres_url: str) -> AsyncIterator[str]:
    """An empty database for each test, on a server that has started."""
    created = await create_database(postgres_server)
    yield created
    await drop_database(postgres_server, created)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """The gateway's tables, empty."""
    opened = await Database.open(url, "gateway")
    await migrate(opened, MIGRATIONS / "messaging", GATEWAY)
    yield opened
    await opened.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Iterator[Path]:
    """Where the key is to be; nothing else is left beside it."""
    yield tmp_path / "admin.key"


async def rows(database: Database, sql: str) -> list[asyncpg.Record]:
    """Rows of the gateway's tables."""
    async with database.connection() as connection:
        return list(await connection.fetch(sql))


async def assert_founded(database: Database, key_file: Path) -> None:
    """Both accounts, each said once, and the file's key as the only one."""
    accounts = await rows(database, "SELECT account_id FROM accounts ORDER BY 1")
    assert [row["account_id"] for row in accounts] == ["admin", "local"]
    said = await rows(database, "SELECT subject FROM outbox WHERE event_type = 'account.opened.v1' ORDER BY 1")
    assert [row["subject"] for row in said] == ["admin", "local"]
    key = key_file.read_text().strip()
    (kept,) = await rows(database, "SELECT * FROM api_keys")
    assert (kept["account_id"], kept["admin"], kept["revoked_at"]) == ("admin", True, None)
    assert (kept["handle"], kept["digest"]) == (keys.handle_of(key), keys.digest_of(key))


def founds_within(seconds: float, url: str, key_file: Path) -> bool:
    """Found in a process of its own that is killed when the time is over; whether it had come to its end."""
    founder = subprocess.Popen(
        [sys.executable, "-c", FOUNDER, url, str(key_file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert founder.stdout is not None
    assert founder.stdout.readline() == "ready\n"
    try:
        founder.wait(seconds)
    except subprocess.TimeoutExpired:
        founder.kill()
    return "done" in founder.communicate()[0]


async def test_the_key_is_for_its_owner_only_and_made_once(database: Database, key_file: Path) -> None:
    await found(database, key_file)
    assert oct(key_file.stat().st_mode & 0o777) == "0o600"
    key = key_file.read_text()
    await found(database, key_file)
    assert key_file.read_text() == key
    assert list(key_file.parent.iterdir()) == [key_file]
    await assert_founded(database, key_file)


async def test_gateways_that_start_together_make_one_key(database: Database, key_file: Path) -> None:
    await asyncio.gather(*(found(database, key_file) for _ in range(8)))
    assert list(key_file.parent.iterdir()) == [key_file]
    await assert_founded(database, key_file)


async def test_a_gateway_killed_at_any_moment_leaves_what_the_next_one_completes(
    database: Database, url: str, key_file: Path
) -> None:
    ended = [founds_within(number * 0.003, url, key_file) for number in range(KILLS)]
    assert not all(ended)
    await found(database, key_file)
    await assert_founded(database, key_file)


async def test_a_key_that_is_given_is_taken(database: Database, key_file: Path) -> None:
    given = keys.new_key()
    key_file.write_text(f"  {given}\n\n")
    await found(database, key_file)
    await assert_founded(database, key_file)
    assert key_file.read_text() == f"  {given}\n\n"


async def test_a_revoked_key_stays_revoked(database: Database, key_file: Path) -> None:
    await found(database, key_file)
    async with database.connection() as connection:
        await connection.execute("UPDATE api_keys SET revoked_at = now()")
    await found(database, key_file)
    (kept,) = await rows(database, "SELECT revoked_at FROM api_keys")
    assert kept["revoked_at"] is not None


async def test_a_lost_file_is_replaced_by_a_further_key(database: Database, key_file: Path) -> None:
    await found(database, key_file)
    key_file.unlink()
    await found(database, key_file)
    assert len(await rows(database, "SELECT FROM api_keys WHERE revoked_at IS NULL")) == 2


@pytest.mark.parametrize("content", [b"", b"secret", b"\xff\xfe", b"dk_0123456789ab_short", b"A" * 100_000])
async def test_a_file_that_holds_no_key_is_told_without_its_content(
    database: Database, key_file: Path, content: bytes
) -> None:
    key_file.write_bytes(content)
    with pytest.raises(AdminKeyInvalid, match="does not hold an API key") as raised:
        await found(database, key_file)
    assert "secret" not in str(raised.value)
    assert await rows(database, "SELECT FROM api_keys") == []


async def test_without_a_file_there_are_accounts_and_no_key(database: Database) -> None:
    await found(database, None)
    assert len(await rows(database, "SELECT FROM accounts")) == 2
    assert await rows(database, "SELECT FROM api_keys") == []
