"""Dead letters as they lie in their queues: what each says of itself, taken and put back without a loss.

A letter that is put back goes to the front, so that the order stays. The broker counts that; RabbitMQ 4 throws away
what was put back twenty times. Long before, a copy goes to the queue's end instead.
"""

import asyncio
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp import commands as wire

from shared.envelope import Enclosed, new_id, new_traceparent
from shared.publishing import Publication
from shared.topology import Subscription

PUT_BACK_MAX = 10
PUT_BACK_SECONDS_MAX = 0.5
COUNTED_AGAIN_SECONDS = 0.01
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

    @property
    def kept(self) -> Self:
        """The letter to be put back, without what that does not need: there may be very many."""
        return self if self.is_worn else replace(self, body=b"")


class DeadQueue:
    """The dead letters of one subscription, on a channel of its own: what is taken is ours until that ends."""

    def __init__(self, channel: Channel, subscription: Subscription) -> None:
        self._channel = channel
        self._subscription = subscription

    async def count(self) -> int:
        """How many lie there, those not counted that somebody has taken."""
        declared = await self._channel.queue_declare(self._subscription.dead_queue, passive=True)
        return declared.message_count or 0

    async def take(self, limit: int) -> list[DeadLetter]:
        """The first letters of the queue."""
        found: list[DeadLetter] = []
        while len(found) < limit:
            message = await self._channel.basic_get(self._subscription.dead_queue)
            if message.delivery_tag is None:
                break
            found.append(_letter(self._subscription, message))
        return found

    async def remove(self, letter: DeadLetter) -> None:
        """Be done with a letter."""
        await self._channel.basic_ack(letter.tag, wait=False)

    async def put_back(self, letters: Sequence[DeadLetter]) -> None:
        """Leave letters where they were, in their order; returns when they can be taken again, or soon after."""
        there = await self.count()
        for letter in sorted(letters, key=lambda letter: letter.tag):
            if letter.is_worn:
                await self._append(letter)
            else:
                await self._channel.basic_nack(letter.tag, requeue=True)
        deadline = time.monotonic() + PUT_BACK_SECONDS_MAX
        while await self.count() < there + len(letters) and time.monotonic() < deadline:
            await asyncio.sleep(COUNTED_AGAIN_SECONDS)

    async def _append(self, letter: DeadLetter) -> None:
        await self._channel.basic_publish(
            letter.body, routing_key=self._subscription.dead_queue, properties=letter.copied, mandatory=True
        )
        await self.remove(letter)


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
