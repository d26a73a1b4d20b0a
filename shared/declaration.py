"""Declares the topology at the broker, dead letters first. Every service does, so that no event is ever unroutable."""

import asyncio

from aio_pika.abc import AbstractChannel, AbstractConnection, ExchangeType
from aio_pika.exceptions import ChannelNotFoundEntity

from shared.topology import DEAD_EXCHANGE, EVENTS_EXCHANGE, subscriptions

QUEUES_SETTLE_SECONDS = 1.5
"""A RabbitMQ node killed within a second of declaring a quorum queue can lose it (ra saves their names every 0.5 s):
nothing is published to a new one before that."""


async def declare_surely(connection: AbstractConnection) -> None:
    """Declare everything, and wait until what is new will survive the broker's death."""
    is_new = await _is_new(connection)
    channel = await connection.channel()
    await declare(channel)
    await channel.close()
    if is_new:
        await asyncio.sleep(QUEUES_SETTLE_SECONDS)


async def declare(channel: AbstractChannel) -> None:
    """Declare exchanges, queues and bindings; harmless when they are there."""
    dead = await channel.declare_exchange(
        DEAD_EXCHANGE,
        ExchangeType.DIRECT,
        durable=True,
        arguments={"purpose": "messages that a service could not handle; each goes to its queue's .dead"},
    )
    events = await channel.declare_exchange(
        EVENTS_EXCHANGE,
        ExchangeType.TOPIC,
        durable=True,
        arguments={"purpose": "everything that happens; the routing key is the event's type"},
    )
    for subscription in subscriptions():
        parked = await channel.declare_queue(
            subscription.dead_queue, durable=True, arguments={**subscription.dead_arguments}
        )
        await parked.bind(dead, subscription.dead_queue, arguments={"purpose": "kept for redrive"})
        queue = await channel.declare_queue(subscription.queue, durable=True, arguments={**subscription.arguments})
        await queue.bind(events, subscription.event.type, arguments={"purpose": subscription.purpose})


async def _is_new(connection: AbstractConnection) -> bool:
    """Whether the broker has yet to hear of some queue of ours."""
    channel = await connection.channel()
    try:
        for subscription in subscriptions():
            await channel.declare_queue(subscription.queue, passive=True)
    except ChannelNotFoundEntity:
        return True
    await channel.close()
    return False
