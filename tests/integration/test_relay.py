"""The relay over a real broker and outbox: what was confirmed is deleted, and sent no second time."""

import asyncio
from collections.abc import AsyncIterator

import aio_pika
import pytest_asyncio

from shared import outbox
from shared.db import MIGRATIONS, Database, migrate
from shared.outbox import Letter, Relay
from tests.eventually import eventually
from tests.gateway_ports import open_bus
from tests.small_service import HEARD, paused


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """An outbox."""
    opened = await Database.open(postgres_url, "exporter")
    await migrate(opened, MIGRATIONS / "messaging")
    yield opened
    await opened.close()


async def posted(database: Database, relay: Relay) -> None:
    """Write a letter and have it confirmed."""
    async with database.transaction() as connection:
        relay.publish(await outbox.add(connection, [Letter(paused()[1], HEARD.queue)]))

    def is_done() -> None:
        assert not relay.is_busy

    await eventually(is_done)


async def left(database: Database) -> int:
    """Letters in the outbox."""
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))


async def test_what_is_confirmed_while_others_are_deleted_is_deleted_next(database: Database, amqp_url: str) -> None:
    async with open_bus(amqp_url) as bus:
        relay = Relay(database, bus)
        await posted(database, relay)
        async with database.transaction() as other:
            await other.fetch("SELECT FROM outbox FOR UPDATE")
            deleting = asyncio.create_task(relay.finish(1))
            await posted(database, relay)
        await deleting
        assert await left(database) == 1
        await relay.finish(1)
        assert await left(database) == 0
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue(HEARD.queue)
        assert (await queue.purge()).message_count == 2
