"""Dead letters as they lie in their queues: what each says of itself, taken and put back without a loss.

They are taken a portion at a time, each on a channel of its own: what a channel has not acked when it closes goes back
to the front in its order (what is put back one by one does not). The broker counts that; RabbitMQ 4 throws away what
was put back twenty times. Long before, a copy goes to the queue's end instead.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp import commands as wire

from shared.acknowledgement import Acknowledgement
from shared.bus import Bus
from shared.envelope import Enclosed, new_id, new_traceparent
from shared.publishing import Publication
from shared.topology import Subscription

PUT_BACK_MAX = 10
PUT_BACK_SECONDS_MAX = 10
COUNTED_AGAIN_MAX, COUNTED_AGAIN_SECONDS = 50, 0.01
ARRIVAL_SECONDS_MAX = 1
ACKED_AT_ONCE, ACKED_SECONDS = 16, 0.01
UNKNOWN = "unknown"
COUNTED_BY_BROKER = "x-delivery-count"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a service could not handle, and why. told: an event has said that it failed."""

    subscription: Subscription
    event_id: str
    subject: str
    attempts: int
    reason: str
    told: bool
    died_at: datetime | None
    tag: int = field(repr=False)
    body: bytes = field(repr=False)
    _properties: wire.Basic.Properties = field(repr=False)

    @property
    def problem(self) -> str:
        """The stable code that the reason begins with."""
        return self.reason.partition(":")[0]

    @property
    def job_id(self) -> str | None:
        """The job that it is about, if it is about one."""
        return self.subject if "job_id" in self.subscription.event.model_fields and self.subject else None

    @property
    def publication(self) -> Publication:
        """What is published to have it handled anew: the same event, at its first attempt."""
        headers = _headers(self._properties)
        traceparent = _text(headers, "traceparent") or new_traceparent()
        event_id = _uuid(self.event_id) or new_id()  # of a message that no service of ours wrote
        return Publication(
            Enclosed(event_id, self.subscription.event.type, self.subject, traceparent, self.body),
            self.subscription.queue,
        )

    @property
    def copied(self) -> wire.Basic.Properties:
        """The properties of a copy, that was never put back."""
        properties = copy(self._properties)
        properties.headers = {name: value for name, value in _headers(properties).items() if name != COUNTED_BY_BROKER}
        return properties

    @property
    def is_worn(self) -> bool:
        """Whether it was put back as often as it may be."""
        count = _headers(self._properties).get(COUNTED_BY_BROKER, 0)
        return isinstance(count, int) and count >= PUT_BACK_MAX


@dataclass(slots=True)
class _Portion:
    """Letters that were taken together; what is not removed goes back, in its order, when their channel closes."""

    channel: Channel
    closing: AsyncExitStack
    left: int = 0
    worn: dict[int, DeadLetter] = field(default_factory=dict)
    acknowledgement: Acknowledgement = field(default_factory=Acknowledgement)

    async def close(self) -> None:
        for letter in self.worn.values():
            await self.channel.basic_publish(
                letter.body, routing_key=letter.subscription.dead_queue, properties=letter.copied, mandatory=True
            )
            await self.channel.basic_ack(letter.tag)
        await self.closing.aclose()


class DeadQueue:
    """The dead letters of one subscription: what was taken and not removed goes back at the end."""

    def __init__(self, bus: Bus, subscription: Subscription, channel: Channel) -> None:
        self._bus = bus
        self._subscription = subscription
        self._channel = channel
        self._portions: list[_Portion] = []

    async def count(self) -> int:
        """How many lie there, those not counted that somebody has taken."""
        declared = await self._channel.queue_declare(self._subscription.dead_queue, passive=True)
        return declared.message_count or 0

    async def take(self, size: int) -> list[DeadLetter]:
        """The next letters of the queue, fewer when no more come."""
        portion = await self._open_portion()
        arrived: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        found: list[DeliveredMessage] = []
        await portion.channel.basic_qos(prefetch_count=size)
        started = await portion.channel.basic_consume(self._subscription.dead_queue, arrived.put)
        with suppress(TimeoutError):
            while len(found) < size:
                found.append(await asyncio.wait_for(arrived.get(), ARRIVAL_SECONDS_MAX))
        await portion.channel.basic_cancel(started.consumer_tag or "")
        found += [arrived.get_nowait() for _ in range(arrived.qsize())]
        letters = [_letter(self._subscription, message) for message in found]
        portion.left, portion.worn = len(letters), {letter.tag: letter for letter in letters if letter.is_worn}
        return letters

    async def remove(self, letters: Sequence[DeadLetter]) -> None:
        """Be done with letters of those that were taken last.

        A quorum queue's channel holds back acks that come too fast, and drops them when it closes: they are paced.
        """
        portion = self._portions[-1]
        together, singles = portion.acknowledgement.settle([letter.tag for letter in letters])
        if together:
            await portion.channel.basic_ack(together, multiple=True)
        for start in range(0, len(singles), ACKED_AT_ONCE):
            for tag in singles[start : start + ACKED_AT_ONCE]:
                await portion.channel.basic_ack(tag, wait=False)
            await asyncio.sleep(ACKED_SECONDS)
        portion.left -= len(letters)
        for letter in letters:
            portion.worn.pop(letter.tag, None)

    async def put_back(self) -> None:
        """Leave the others where they were, in their order; returns when they can be taken again, or soon after."""
        async with AsyncExitStack() as ends:  # whatever happens, no channel stays open
            for portion in self._portions:
                ends.push_async_callback(portion.closing.aclose)
            for portion in self._portions:
                there = await self.count()
                await portion.close()
                await self._until_counted(there + portion.left)

    async def _until_counted(self, expected: int) -> None:
        for _ in range(COUNTED_AGAIN_MAX):
            if await self.count() >= expected:
                return
            await asyncio.sleep(COUNTED_AGAIN_SECONDS)

    async def _open_portion(self) -> _Portion:
        if self._portions and not self._portions[-1].left:
            await self._portions.pop().close()
        closing = AsyncExitStack()
        self._portions.append(_Portion(await closing.enter_async_context(self._bus.channel()), closing))
        return self._portions[-1]


@asynccontextmanager
async def open_dead_queue(bus: Bus, subscription: Subscription) -> AsyncIterator[DeadQueue]:
    """Take dead letters for a while. Raises Closed."""
    async with bus.channel() as channel:
        queue = DeadQueue(bus, subscription, channel)
        try:
            yield queue
        finally:
            async with asyncio.timeout(PUT_BACK_SECONDS_MAX):
                await queue.put_back()


def _letter(subscription: Subscription, message: DeliveredMessage) -> DeadLetter:
    headers = _headers(message.header.properties)
    attempts = headers.get("attempt")
    return DeadLetter(
        subscription=subscription,
        event_id=_text(headers, "event_id"),
        subject=_text(headers, "subject"),
        attempts=attempts if isinstance(attempts, int) else 1,
        reason=_reason(headers),
        told=headers.get("told") is True,
        died_at=_died_at(message.header.properties.timestamp, headers),
        tag=message.delivery_tag or 0,
        body=message.body,
        _properties=message.header.properties,
    )


def _reason(headers: dict[str, Any]) -> str:
    """Ours, unless the broker itself moved the message here."""
    moved = _text(headers, "x-first-death-reason") or _text(headers, "x-last-death-reason")
    return f"{moved}: the broker gave it up" if moved else _text(headers, "reason") or UNKNOWN


def _died_at(published_at: object, headers: dict[str, Any]) -> datetime | None:
    deaths = headers.get("x-death")
    first = deaths[0] if isinstance(deaths, list) and deaths else {}
    moment = first.get("time") if isinstance(first, dict) else None
    moment = moment if isinstance(moment, datetime) else published_at
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None


def _headers(properties: wire.Basic.Properties) -> dict[str, Any]:
    return dict(properties.headers or {})


def _text(headers: dict[str, Any], name: str) -> str:
    value = headers.get(name)
    return value if isinstance(value, str) else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
