"""Dead letters as tests lay them down: beside the services, straight into their queues."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aio_pika

from shared.envelope import enclose, new_traceparent
from shared.events import Event, ImageRequested
from shared.facts import Label, Recipe, Source, Timeline
from shared.topology import Subscription

REASON = "internal_error: OSError: no space left on device"


async def lay_down(
    amqp_url: str, subscription: Subscription, event: Event | bytes, *, reason: str = REASON, told: bool = False
) -> None:
    """Leave a dead letter as a service does that gave up; bytes stand for what is no event."""
    headers: dict[str, Any] = {"attempt": 4, "reason": reason}
    if isinstance(event, bytes):
        body = event
    else:
        enclosed = enclose(event, source="tests", traceparent=new_traceparent())
        body = enclosed.body
        headers |= {
            "event_id": str(enclosed.event_id),
            "subject": enclosed.subject,
            "traceparent": enclosed.traceparent,
        }
    if told:
        headers["told"] = True
    message = aio_pika.Message(body, headers=headers, timestamp=datetime.now(UTC), message_id=uuid4().hex)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        await channel.default_exchange.publish(message, subscription.dead_queue)


async def empty(amqp_url: str, subscription: Subscription) -> None:
    """Throw a subscription's dead letters away."""
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue(subscription.dead_queue, ensure=False)
        await queue.purge()


def image_requested(account_id: str, job_id: UUID, image_id: UUID, *, run: int = 1) -> ImageRequested:
    """The event that once let an image in."""
    return ImageRequested(
        account_id=account_id,
        job_id=job_id,
        kind="batch",
        run=run,
        image_id=image_id,
        seq=0,
        label=Label(item=1, key="1", name="", position=0, size=1),
        source=Source(url="http://127.0.0.1/"),
        recipe=Recipe(operation="copy"),
        timeline=Timeline(requested_at=datetime.now(UTC)),
    )
