"""Hears everything that is published, and can say it again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from shared.events import ServiceReported
from shared.topology import EVENTS_EXCHANGE


@dataclass
class Tape:
    """Everything that was published: (event type, body); but for what services say by the clock."""

    exchange: AbstractExchange
    events: list[tuple[str, bytes]] = field(default_factory=list)

    async def record(self, message: AbstractIncomingMessage) -> None:
        """Keep one message."""
        if message.routing_key != ServiceReported.type:
            self.events.append((str(message.routing_key), message.body))
        await message.ack()

    async def play(self, events: list[tuple[str, bytes]]) -> None:
        """Publish events again, byte for byte."""
        for event_type, body in events:
            message = aio_pika.Message(body, message_id=uuid4().hex, type=event_type)
            await self.exchange.publish(message, routing_key=event_type)


@asynccontextmanager
async def recording(amqp_url: str) -> AsyncIterator[Tape]:
    """Listen to everything that is published."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EVENTS_EXCHANGE, ensure=False)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(exchange, "#")
        tape = Tape(exchange)
        await queue.consume(tape.record)
        yield tape
