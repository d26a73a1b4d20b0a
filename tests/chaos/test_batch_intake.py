"""A gateway that is killed while it takes a batch in: nothing of it is left, and the same request makes it again."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy.local.stack import Stack
from tests.batch_builders import batch_csv, create_batch, post_batch, refused, until_batch_ended
from tests.builders import Site
from tests.callers import Caller, new_caller
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(180)

LEFT = """
SELECT (SELECT count(*) FROM jobs WHERE account_id = $1) + (SELECT count(*) FROM batches WHERE account_id = $1)
     + (SELECT count(*) FROM images) - (SELECT sum(images_total) FROM jobs)
"""
STUCK = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'batches'::regclass"


@asynccontextmanager
async def no_batches_let_in(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """Have whoever inserts a batch, after its images, wait."""
    connection = await asyncpg.connect(stack.urls.postgres["gateway"])
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE batches IN SHARE MODE")
            yield connection
    finally:
        await connection.close()


async def until_stuck(connection: asyncpg.Connection) -> None:
    async def stuck() -> None:
        assert await connection.fetchval(STUCK) == 1

    await eventually(stuck, 20)


@pytest.fixture
async def alice(stack: Stack) -> AsyncIterator[Caller]:
    """An account of the test's own."""
    async with await new_caller(stack) as client:
        yield client


async def test_a_killed_intake_leaves_nothing_and_lets_its_key_go(stack: Stack, alice: Caller, site: Site) -> None:
    content, headers = batch_csv(site.photos(3)), {"Idempotency-Key": uuid4().hex}
    await create_batch(alice, batch_csv(site.photos(1)), auto_start="false")
    async with no_batches_let_in(stack) as connection:
        first = asyncio.create_task(post_batch(alice, content, headers=headers))
        await until_stuck(connection)
        again = await post_batch(alice, content, headers=headers)
        assert refused(again, 409) == "A request with this Idempotency-Key is still being worked on."
        assert again.headers["retry-after"]
        stack.kill("gateway", signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await first
    assert await asyncio.to_thread(stack.wait_healthy, ("gateway",), 40)
    async with Caller(stack, alice.account_id, alice.key) as client:
        found = await asyncpg.connect(stack.urls.postgres["gateway"])
        try:
            assert await found.fetchval(LEFT, alice.account_id) == 2
        finally:
            await found.close()
        made = await post_batch(client, content, headers=headers)
        assert made.status_code == 201, made.text
        assert (await post_batch(client, content, headers=headers)).json() == made.json()
        status = await until_batch_ended(client, made.json()["data"]["batch_id"])
        assert (status["processed_files"], status["performance"]["success_rate"]) == (3, 100.0)
        assert (await client.get("/api/v1/batches")).json()["data"]["count"] == 2
