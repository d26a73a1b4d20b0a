"""The first admin key of a local stack: said once, kept for its owner, good until wiped, found nowhere else."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.stack import Stack
from deploy.local.state import SERVICES
from tests.callers import admin_client, new_caller
from tests.command_line import CommandLine
from tests.invariants import ask

KEY = re.compile(r"dk_[0-9a-f]{12}_[A-Za-z0-9_-]{22}")


@pytest.fixture(scope="module")
def home() -> Iterator[Stack]:
    """A stack that was never started."""
    folder = Path(tempfile.mkdtemp(prefix="dr-", dir="/tmp"))
    folder.chmod(0o711)  # Postgres' own user has to pass
    stack = Stack(folder / "home")
    try:
        yield stack
    finally:
        stack.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def said(home: Stack, *command: str) -> list[str]:
    """The keys that a command prints."""
    done = CommandLine(home, home.home.folder.parent).run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return KEY.findall(done.stdout + done.stderr)


def test_up_says_the_key_once_and_what_it_is_for(home: Stack) -> None:
    assert home.admin_key is None
    keys = said(home, "up")
    assert keys == [home.admin_key]
    assert oct(home.home.admin_key_file.stat().st_mode & 0o777) == "0o600"
    assert said(home, "up") == []


async def test_no_key_stands_anywhere_in_the_open(home: Stack) -> None:
    async with admin_client(home) as operator, await new_caller(home, tokens=5) as alice:
        assert (await alice.get("/api/webhooks/secret")).status_code == 200
        wrong = alice.key[:-1] + ("A" if alice.key[-1] != "A" else "B")
        assert (await alice.get("/api/webhooks/secret", headers={"X-API-Key": wrong})).status_code == 401
        secrets = [key.rpartition("_")[2] for key in (operator.key, alice.key, wrong)]
    everything = [*(await everything_in_tables(home)), *everything_in_files(home)]
    assert len(everything) > 20
    found = [place for place, content in everything for secret in secrets if secret.encode() in content]
    assert found == []


async def everything_in_tables(home: Stack) -> list[tuple[str, bytes]]:
    """Every table of every service, bytes as they are, by its name."""
    found = []
    for service in SERVICES:
        url = home.urls.postgres[service]
        tables = await ask(url, f"SELECT tablename AS name FROM pg_tables WHERE schemaname = '{service}'")
        for name in [table["name"] for table in tables]:
            rows = await ask(url, f'SELECT * FROM "{name}"')
            values = [value for row in rows for value in row.values()]
            parts = [value if isinstance(value, bytes) else str(value).encode() for value in values]
            found.append((f"{service}.{name}", b"\n".join(parts)))
    return found


def everything_in_files(home: Stack) -> list[tuple[str, bytes]]:
    """Every file of the stack but the key's own: logs, state, the broker's messages."""
    own = home.home.admin_key_file
    files = [path for path in home.home.folder.rglob("*") if path.is_file() and path != own]
    return [(str(path), path.read_bytes()) for path in files]


def test_the_key_outlives_the_stack(home: Stack) -> None:
    key = home.admin_key
    assert said(home, "down") == []
    assert said(home, "up") == []
    assert home.admin_key == key
    answer = httpx.get(f"{home.urls.gateway}/api/admin/accounts", headers={"X-API-Key": str(key)}, trust_env=False)
    assert answer.status_code == 200


def test_wiping_removes_it(home: Stack) -> None:
    assert said(home, "down", "--wipe") == []
    assert home.admin_key is None
    assert not home.home.folder.exists()
