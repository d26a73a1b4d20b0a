"""Publishes many messages in one write, below aiormq's own publish: a third of the work for each."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pamqp.frame
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from pamqp import commands as wire
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from shared.envelope import CONTENT_TYPE, Enclosed
from shared.topology import EVENTS_EXCHANGE

PUBLISH_SECONDS_MAX = 10
ROOM_LOOKED_FOR_SECONDS = 0.01
FRAME_OVERHEAD_BYTES = 8


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published: an enclosed event, and where this attempt goes."""

    enclosed: Enclosed
    queue: str | None = None
    attempt: int = 1
    first_attempt_at: datetime | None = None
    reason: str | None = None
    told: bool = False


class Publisher:
    """A channel in confirm mode that nobody else publishes on: it keeps the count of delivery tags by itself."""

    def __init__(self, channel: Channel, service: str) -> None:
        assert channel.publisher_confirms
        self._channel = channel
        self._service = service
        self._body_bytes_max = channel.connection.connection_tune.frame_max - FRAME_OVERHEAD_BYTES

    async def publish(self, publications: Sequence[Publication]) -> list[str | None]:
        """Publish all; for each None when the broker has confirmed it, else why that is not known.

        Raises TimeoutError when nothing could be sent.
        """
        await self._room()
        confirms = self._send(publications)
        await asyncio.wait(confirms, timeout=PUBLISH_SECONDS_MAX)
        return [_fault(confirm) for confirm in confirms]

    async def _room(self) -> None:
        """Return when there is room to send; a broker whose memory or disk runs low takes nothing for a while."""
        deadline = time.monotonic() + PUBLISH_SECONDS_MAX
        while self._channel.write_queue.full():
            if time.monotonic() > deadline:
                raise TimeoutError("the broker takes nothing now")
            await asyncio.sleep(ROOM_LOOKED_FOR_SECONDS)

    def _send(self, publications: Sequence[Publication]) -> list[asyncio.Future[Any]]:
        """Queue the messages; without an await, so that delivery tags and frames keep the same order."""
        now, frames = datetime.now(UTC), []
        confirms: list[asyncio.Future[Any]] = []
        for publication in publications:
            properties = self._properties(publication, now)
            confirms.append(self._expect(str(properties.message_id)))
            frames.append(self._frames(publication, properties))
        self._channel.write_queue.put_nowait(ChannelFrame(b"".join(frames), should_close=False))
        return confirms

    def _expect(self, message_id: str) -> asyncio.Future[Any]:
        """The confirm of the next message on the channel; a message that is returned is known by its id."""
        channel = self._channel
        channel.delivery_tag += 1
        confirm = channel.create_future()
        channel.confirmations[channel.delivery_tag] = confirm
        channel.message_id_delivery_tag[message_id] = channel.delivery_tag
        confirm.add_done_callback(lambda _: channel.message_id_delivery_tag.pop(message_id, None))
        return confirm

    def _frames(self, publication: Publication, properties: wire.Basic.Properties) -> bytes:
        body, size = publication.enclosed.body, self._body_bytes_max
        frames: list[Any] = [
            wire.Basic.Publish(
                exchange="" if publication.queue else EVENTS_EXCHANGE,
                routing_key=publication.queue or publication.enclosed.type,
                mandatory=True,
            ),
            ContentHeader(properties=properties, body_size=len(body)),
            *(ContentBody(body[start : start + size]) for start in range(0, len(body), size)),
        ]
        return b"".join(pamqp.frame.marshal(frame, self._channel.number) for frame in frames)

    def _properties(self, publication: Publication, now: datetime) -> wire.Basic.Properties:
        enclosed = publication.enclosed
        headers: dict[str, Any] = {
            "event_id": str(enclosed.event_id),
            "subject": enclosed.subject,
            "attempt": publication.attempt,
            "traceparent": enclosed.traceparent,
        }
        if publication.first_attempt_at:
            headers["first_attempt_at"] = publication.first_attempt_at.isoformat()
        if publication.reason:
            headers["reason"] = publication.reason[:500]
        if publication.told:
            headers["told"] = True
        return wire.Basic.Properties(
            content_type=CONTENT_TYPE,
            delivery_mode=2,
            message_id=uuid4().hex,  # fresh per attempt: returns are matched by it
            message_type=enclosed.type,
            app_id=self._service,
            timestamp=now,
            headers=headers,
        )


def _fault(confirm: asyncio.Future[Any]) -> str | None:
    if not confirm.done():
        return "no confirm in time"
    if confirm.cancelled():
        return "the channel ended"
    if error := confirm.exception():
        return repr(error)
    return None if isinstance(confirm.result(), wire.Basic.Ack) else f"not confirmed: {confirm.result()!r}"
