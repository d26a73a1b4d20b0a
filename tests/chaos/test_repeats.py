"""Every event once more, in any order: the broker may deliver so, and nothing may come of it."""

import json
import random
from uuid import uuid4

import aio_pika
import httpx
import pytest

from deploy.local.stack import Stack
from shared.topology import EVENTS_EXCHANGE, subscriptions
from tests.builders import Hooks, Site
from tests.chaos.conftest import Ordeal
from tests.chaos.tape import recording
from tests.eventually import eventually
from tests.invariants import ask, assert_quiet

pytestmark = pytest.mark.timeout(240)

SEEDS = (1, 2)

STATE = {
    "gateway": (
        "SELECT * FROM jobs ORDER BY job_id",
        "SELECT * FROM images ORDER BY image_id",
        "SELECT * FROM balances ORDER BY account_id",
        "SELECT * FROM deliveries ORDER BY delivery_id",
        "SELECT * FROM delivery_attempts ORDER BY delivery_id, attempt",
    ),
    "exporter": (
        "SELECT * FROM jobs ORDER BY job_id",
        "SELECT * FROM results ORDER BY job_id, seq",
        "SELECT * FROM deliveries ORDER BY delivery_id",
    ),
    "ledger": (
        "SELECT * FROM accounts ORDER BY account_id",
        "SELECT * FROM holds ORDER BY job_id, run",
        "SELECT * FROM settlements ORDER BY image_id, run",
        "SELECT * FROM usage ORDER BY account_id, day",
    ),
}


async def state_of(stack: Stack) -> dict[str, list[object]]:
    """All rows that events change."""
    return {
        service: [await ask(stack.urls.postgres[service], sql) for sql in statements]
        for service, statements in STATE.items()
    }


def renamed(event: tuple[str, bytes]) -> tuple[str, bytes]:
    """The same news under another event id, as if its producer had said it twice."""
    event_type, body = event
    envelope = json.loads(body)
    return event_type, json.dumps({**envelope, "id": str(uuid4())}).encode()


async def test_every_event_again_changes_nothing(
    priced_stack: Stack, priced_client: httpx.AsyncClient, site: Site, hooks: Hooks
) -> None:
    ordeal = Ordeal(priced_stack, priced_client, site, hooks)
    async with recording(priced_stack.urls.amqp) as tape:
        await ordeal.begin()
        await ordeal.assert_it_ends_well()
        heard = list(tape.events)
        assert {event_type for event_type, _ in heard} >= {"job.submitted.v1", "image.enhanced.v1", "job.completed.v1"}
        before = await state_of(priced_stack)
        for seed in SEEDS:
            shuffled = heard * 2
            random.Random(seed).shuffle(shuffled)
            await tape.play(shuffled)
            await eventually(lambda: assert_quiet(priced_stack.urls), 60)
            assert await state_of(priced_stack) == before
        assert tape.events[len(heard) :].__len__() == len(heard) * 2 * len(SEEDS)  # nothing followed from them
    await ordeal.assert_it_ends_well()


async def test_news_said_twice_by_its_producer_changes_nothing(
    priced_stack: Stack, priced_client: httpx.AsyncClient, site: Site, hooks: Hooks
) -> None:
    """A producer that was killed between commit and publish by its successor may well say things under a new id."""
    ordeal = Ordeal(priced_stack, priced_client, site, hooks)
    async with recording(priced_stack.urls.amqp) as tape:
        await ordeal.begin()
        await ordeal.assert_it_ends_well()
        terminal = [
            renamed(event)
            for event in tape.events
            if event[0] in ("image.enhanced.v1", "image.failed.v1", "job.submitted.v1", "job.completed.v1")
        ]
        before = await state_of(priced_stack)
        random.Random(3).shuffle(terminal)
        await tape.play(terminal)
        await ordeal.assert_it_ends_well()
        after = await state_of(priced_stack)
    for service in ("gateway", "exporter"):
        assert after[service] == before[service]
    assert after["ledger"][:3] == before["ledger"][:3]


async def test_what_is_no_event_is_parked_and_harms_nobody(ordeal: Ordeal) -> None:
    async with await aio_pika.connect(ordeal.stack.urls.amqp) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EVENTS_EXCHANGE, ensure=False)
        for body in (b"", b"{}", b"\xff\xfe", b'{"specversion": "1.0"}', b"[" * 10_000):
            await exchange.publish(aio_pika.Message(body), routing_key="image.enhanced.v1")
        listeners = [each for each in subscriptions() if each.event.type == "image.enhanced.v1"]

        async def parked() -> None:
            for each in listeners:
                dead = await channel.declare_queue(each.dead_queue, passive=True)
                assert dead.declaration_result.message_count == 5

        await eventually(parked, 20)
        for each in listeners:
            await (await channel.get_queue(each.dead_queue, ensure=False)).purge()
    await ordeal.assert_it_ends_well()
