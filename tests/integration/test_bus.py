"""Publishing against a real broker: what is confirmed, what comes back, what is too large for one frame."""

import asyncio
from collections.abc import AsyncIterator

import aio_pika
import pytest

from shared.bus import Bus, Closed
from shared.delivery import Delivery
from shared.envelope import enclose, new_id, new_traceparent
from shared.events import JobPaused
from shared.publishing import Publication
from tests.eventually import eventually

QUEUE = "fetcher.job.paused.v1"


async def take_nothing(_: Delivery) -> None:
    """A handler for a service that is not to take what is published here."""


def publication(account_id: str = "acme", queue: str | None = None) -> Publication:
    """Some event, to everyone who listens or to a queue."""
    event = JobPaused(account_id=account_id, job_id=new_id(), version=1)
    return Publication(enclose(event, source="gateway", traceparent=new_traceparent()), queue)


@pytest.fixture
async def bus(amqp_url: str) -> AsyncIterator[Bus]:
    """A bus of the exporter, which hears nothing of what is published here."""
    bus = Bus(amqp_url, "exporter", lambda _: 10)
    running = asyncio.create_task(bus.keep_open(take_nothing))

    def is_open() -> None:
        assert bus.is_open

    await eventually(is_open, 40)
    yield bus
    running.cancel()
    await asyncio.wait({running})


async def taken(amqp_url: str, count: int) -> list[bytes]:
    """So many messages of the queue, in its order."""
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue(QUEUE)
        return [(await queue.get(no_ack=True, timeout=5)).body for _ in range(count)]


async def test_a_batch_is_confirmed_and_arrives_in_its_order(bus: Bus, amqp_url: str) -> None:
    batch = [publication() for _ in range(120)]
    assert await bus.publish(batch) == [None] * 120
    assert await taken(amqp_url, 120) == [each.enclosed.body for each in batch]


async def test_batches_at_once_do_not_mix_their_confirms(bus: Bus, amqp_url: str) -> None:
    batches = [[publication() for _ in range(30)] for _ in range(20)]
    assert await asyncio.gather(*map(bus.publish, batches)) == [[None] * 30] * 20
    sent = {each.enclosed.body for batch in batches for each in batch}
    assert set(await taken(amqp_url, 600)) == sent


async def test_what_nobody_takes_comes_back_and_the_others_do_not(bus: Bus, amqp_url: str) -> None:
    batch = [publication(), publication(queue="no.such.queue"), publication()]
    first, lost, last = await bus.publish(batch)
    assert (first, last) == (None, None)
    assert lost is not None and "NO_ROUTE" in lost
    assert await taken(amqp_url, 2) == [batch[0].enclosed.body, batch[2].enclosed.body]


async def test_a_message_larger_than_a_frame_arrives_whole(bus: Bus, amqp_url: str) -> None:
    batch = [publication("a" * 400_000), publication()]
    assert await bus.publish(batch) == [None, None]
    assert await taken(amqp_url, 2) == [each.enclosed.body for each in batch]


async def test_what_was_not_confirmed_when_the_connection_ends_is_said_to_be_unknown(amqp_url: str, bus: Bus) -> None:
    publishing = [asyncio.create_task(bus.publish([publication() for _ in range(50)])) for _ in range(40)]
    await asyncio.sleep(0)
    await bus.close()
    confirmed = 0
    for outcome in await asyncio.gather(*publishing, return_exceptions=True):
        assert isinstance(outcome, Closed | list)
        confirmed += 0 if isinstance(outcome, Closed) else outcome.count(None)
    assert confirmed < 2_000
    assert await purge(amqp_url) >= confirmed


async def purge(amqp_url: str) -> int:
    """Empty the queue; how many messages lay there."""
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue(QUEUE)
        return (await queue.purge()).message_count or 0
