"""Messages as they come from the broker, and their acks."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aio_pika.exceptions
import aiormq
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel

from shared.acknowledgement import Acknowledgement
from shared.telemetry import log
from shared.topology import Subscription

GONE = (TimeoutError, OSError, aiormq.AMQPError, aio_pika.exceptions.AMQPError, RuntimeError)
"""What a broker that is away, or a channel that has ended, raises."""


@dataclass(eq=False, slots=True)
class Consumer:
    """A channel that one subscription is consumed on, below aio-pika: its message objects cost as much as our work."""

    subscription: Subscription
    channel: Channel
    tag: str
    _acknowledgement: Acknowledgement = field(default_factory=Acknowledgement)

    async def start(self, on_delivery: "OnDelivery", prefetch: int) -> None:
        """Ask for messages, at most `prefetch` unacked at a time."""

        async def receive(message: DeliveredMessage) -> None:
            await on_delivery(_delivery(self, message))

        await self.channel.basic_qos(prefetch_count=prefetch)
        await self.channel.basic_consume(self.subscription.queue, receive, consumer_tag=self.tag)

    async def stop(self, seconds_max: float) -> None:
        """Take no more messages; those unacked stay ours until the channel closes."""
        await self.channel.basic_cancel(self.tag, timeout=seconds_max)

    async def ack(self, tags: Sequence[int]) -> None:
        """Ack these deliveries, together where that is possible."""
        together, singles = self._acknowledgement.settle(tags)
        if together:
            await self.channel.basic_ack(together, multiple=True, wait=False)
        for tag in singles:
            await self.channel.basic_ack(tag, wait=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came: which attempt this is by our count, and how often the broker has handed it out."""

    consumer: Consumer = field(repr=False)
    tag: int
    body: bytes
    attempt: int
    first_attempt_at: datetime
    deliveries: int

    @property
    def subscription(self) -> Subscription:
        """Whose interest brought it here."""
        return self.consumer.subscription


OnDelivery = Callable[[Delivery], Awaitable[None]]


async def ack(deliveries: Sequence[Delivery]) -> None:
    """Best effort: after a reconnect the broker delivers again, and the inbox knows the event."""
    tags: dict[Consumer, list[int]] = defaultdict(list)
    for delivery in deliveries:
        tags[delivery.consumer].append(delivery.tag)
    for consumer, ended in tags.items():
        try:
            await consumer.ack(ended)
        except GONE:
            log.debug("ack.failed", messages=len(ended))


def _delivery(consumer: Consumer, message: DeliveredMessage) -> Delivery:
    headers = message.header.properties.headers or {}
    first = headers.get("first_attempt_at")
    attempt, deliveries = headers.get("attempt", 1), headers.get("x-delivery-count", 0)
    return Delivery(
        consumer,
        message.delivery_tag or 0,
        message.body,
        attempt if isinstance(attempt, int) else 1,
        datetime.fromisoformat(first) if isinstance(first, str) else datetime.now(UTC),
        deliveries if isinstance(deliveries, int) else 0,
    )
