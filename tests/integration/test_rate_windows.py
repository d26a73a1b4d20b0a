"""Rate windows in Postgres: begun by their first call, shared by all gateways, exact under parallel calls."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from services.gateway import rates
from services.gateway.rates import Counted, Policy
from shared.db import MIGRATIONS, Database, migrate

FIVE = Policy("enhance", 5, 60)
GATEWAY = Path(__file__).parents[2] / "services" / "gateway" / "migrations"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """The gateway's tables."""
    opened = await Database.open(postgres_url, "gateway")
    await migrate(opened, MIGRATIONS / "messaging", GATEWAY)
    yield opened
    await opened.close()


@pytest.fixture
def account() -> str:
    """An account that has not called yet."""
    return uuid4().hex


async def call(database: Database, account: str, policy: Policy = FIVE) -> Counted:
    """One call."""
    async with database.connection() as connection:
        return await rates.count(connection, account, policy)


async def age(database: Database, account: str, seconds: float) -> None:
    """Let the account's windows have begun earlier."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE rate_windows SET started_at = started_at - make_interval(secs => $2) WHERE account_id = $1",
            account,
            seconds,
        )


async def test_five_calls_are_allowed_and_the_sixth_is_not(database: Database, account: str) -> None:
    found = [await call(database, account) for _ in range(7)]
    assert [each.allowed for each in found] == [True] * 5 + [False] * 2
    assert [each.remaining for each in found] == [4, 3, 2, 1, 0, 0, 0]
    assert len({each.reset_at for each in found}) == 1
    assert found[0].reset_seconds == 60


async def test_a_window_begins_with_its_first_call_and_ends_for_good(database: Database, account: str) -> None:
    for _ in range(6):
        await call(database, account)
    await age(database, account, 59)
    late = await call(database, account)
    assert (late.allowed, late.reset_seconds) == (False, 1)
    await age(database, account, 1)
    fresh = await call(database, account)
    assert (fresh.allowed, fresh.remaining, fresh.reset_seconds) == (True, 4, 60)


async def test_refused_calls_are_not_counted(database: Database, account: str) -> None:
    for _ in range(50):
        await call(database, account)
    more = await call(database, account, Policy("enhance", 7, 60))
    assert (more.allowed, more.remaining) == (True, 1)


async def test_parallel_calls_get_exactly_what_is_allowed(database: Database, account: str) -> None:
    found = await asyncio.gather(*(call(database, account) for _ in range(40)))
    assert sum(each.allowed for each in found) == 5
    assert sorted(each.remaining for each in found if each.allowed) == [0, 1, 2, 3, 4]


async def test_accounts_and_policies_have_windows_of_their_own(database: Database, account: str) -> None:
    for _ in range(6):
        await call(database, account)
    assert (await call(database, account, Policy("upload", 30, 60))).remaining == 29
    assert (await call(database, uuid4().hex)).remaining == 4
