"""Speaks AMQP (nobody else does but declaration.py and delivery.py): connect, publish with confirms, consume, watch.

A `Bus` is open or closed as a whole: whatever goes wrong with a connection, a channel or a consumer ends the
connection, and `keep_open` makes a new one. Nothing is remembered across connections but the subscriptions.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.channel import Channel

from shared.declaration import declare_surely
from shared.delivery import GONE, Consumer, OnDelivery
from shared.publishing import Publication, Publisher
from shared.telemetry import CONSUMERS_UP, log
from shared.topology import Subscription, subscriptions

CONNECT_SECONDS_MAX = 10
OPEN_SECONDS_MAX = 60
STOP_SECONDS_MAX = 2
WATCHDOG_SECONDS = 15
RECONNECT_SECONDS = 0.5
HEARTBEAT_SECONDS = 30
ASKED_AT_ONCE = 6
PUBLISHING_CHANNELS = 2
"""One channel's process in the broker may wait for a slow queue while the other goes on."""


class Closed(Exception):
    """The broker is away, or did not confirm: whether it has the message is unknown."""


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue by the broker's word: messages that wait to be taken, and who takes them."""

    ready: int
    consumers: int


class Bus:
    """One service's connection to the broker."""

    def __init__(self, url: str, service: str, prefetch: Callable[[Subscription], int]) -> None:
        self._url = url
        self._service = service
        self._prefetch = prefetch
        self._name = f"{service}@{socket.gethostname()}:{os.getpid()}"
        self._connection: AbstractConnection | None = None
        self._publishing: list[Publisher] = []
        self._turn = 0
        self._consumers: list[Consumer] = []
        self._lost = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether events can be published now."""
        return bool(self._publishing) and not self._lost.is_set()

    @property
    def consumers(self) -> int:
        """From how many queues this process consumes."""
        return len(self._consumers) if self.is_open else 0

    async def keep_open(self, on_delivery: OnDelivery) -> None:
        """Be connected and consuming, again and again, until cancelled; the broker may be away at any time."""
        while True:
            try:
                await self._open(on_delivery)
                await self._watch()
            except GONE as error:
                log.warning("bus.lost", error=repr(error))
            finally:
                await self.close()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def publish(self, publications: Sequence[Publication]) -> list[str | None]:
        """Publish and wait for the broker's confirms: for each None, or why it is unknown whether the broker has it.

        Raises Closed when that is so for all of them.
        """
        if not self.is_open:
            raise Closed("not connected")
        self._turn = (self._turn + 1) % len(self._publishing)
        try:
            return await self._publishing[self._turn].publish(publications)
        except GONE as error:
            raise Closed(repr(error)) from error

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Channel]:
        """A channel in confirm mode for a while; what is unacked at its end goes back. Raises Closed."""
        if self._connection is None or not self.is_open:
            raise Closed("not connected")
        try:
            opened = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            channel = await opened.get_underlay_channel()
            assert isinstance(channel, Channel)
            try:
                yield channel
            except asyncio.CancelledError:  # a broker that does not answer would not answer to this either
                self._closing.add(closing := asyncio.create_task(_closed(opened)))
                closing.add_done_callback(self._closing.discard)
                raise
            except BaseException:
                await _closed(opened)
                raise
            await _closed(opened)
        except GONE as error:
            raise Closed(repr(error)) from error

    async def depths(self) -> dict[str, Depth]:
        """Every queue of every service and its dead letters, as they are now. Raises Closed."""
        names = [name for each in subscriptions() for name in (each.queue, each.dead_queue)]
        parts = await asyncio.gather(*(self._depths_of(names[start::ASKED_AT_ONCE]) for start in range(ASKED_AT_ONCE)))
        return {name: depth for part in parts for name, depth in part.items()}

    async def _depths_of(self, names: Sequence[str]) -> dict[str, Depth]:
        found: dict[str, Depth] = {}
        async with self.channel() as channel:
            for name in names:
                declared = await channel.queue_declare(name, passive=True)
                found[name] = Depth(declared.message_count or 0, declared.consumer_count or 0)
        return found

    async def stop_consuming(self) -> None:
        """Take no more messages; what is unacked stays ours until the connection closes."""
        consumers, self._consumers = self._consumers, []
        for consumer in consumers:
            try:
                await consumer.stop(STOP_SECONDS_MAX)
            except GONE:
                return

    async def close(self) -> None:
        """End the connection: the broker hands unacked messages to others."""
        connection, self._connection, self._publishing, self._consumers = self._connection, None, [], []
        CONSUMERS_UP.labels(self._service).set(0)
        if connection is not None:
            try:
                await asyncio.wait_for(connection.close(), 3)
            except GONE:
                log.debug("bus.close_failed")

    async def _open(self, on_delivery: OnDelivery) -> None:
        self._lost.clear()
        async with asyncio.timeout(OPEN_SECONDS_MAX):
            self._connection = await aio_pika.connect(
                self._url,
                timeout=CONNECT_SECONDS_MAX,
                heartbeat=HEARTBEAT_SECONDS,
                client_properties={"connection_name": self._name, "product": f"darkroom {self._service}"},
            )
            self._connection.close_callbacks.add(self._note_loss)
            await declare_surely(self._connection)
            channels = [await self._open_channel(self._connection) for _ in range(PUBLISHING_CHANNELS)]
            self._publishing = [Publisher(channel, self._service) for channel in channels]
        for subscription in subscriptions(self._service):
            self._consumers.append(await self._consume(subscription, on_delivery))
        CONSUMERS_UP.labels(self._service).set(len(self._consumers))
        log.info("bus.open", consumers=len(self._consumers))

    async def _consume(self, subscription: Subscription, on_delivery: OnDelivery) -> Consumer:
        assert self._connection is not None
        tag = f"{self._name} {subscription.event.__name__} {uuid4().hex[:6]}"
        consumer = Consumer(subscription, await self._open_channel(self._connection), tag)
        await consumer.start(on_delivery, self._prefetch(subscription))
        return consumer

    async def _open_channel(self, connection: AbstractConnection) -> Channel:
        """A channel below aio-pika's: its publish and ack need not wait for the socket to drain."""
        opened = await connection.channel(publisher_confirms=True, on_return_raises=True)
        opened.close_callbacks.add(self._note_loss)
        channel = await opened.get_underlay_channel()
        assert isinstance(channel, Channel)
        return channel

    async def _watch(self) -> None:
        """Return when the connection is lost, or when the broker does not count us among a queue's consumers."""
        while not self._lost.is_set():
            try:
                await asyncio.wait_for(self._lost.wait(), WATCHDOG_SECONDS)
            except TimeoutError:
                await self._compare_consumers()

    async def _compare_consumers(self) -> None:
        assert self._connection is not None
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            channel = await self._connection.channel()
            for consumer in self._consumers:
                found = await channel.declare_queue(consumer.subscription.queue, passive=True)
                if not found.declaration_result.consumer_count:
                    log.warning("bus.consumer_gone", queue=found.name)
                    self._lost.set()
            await channel.close()

    def _note_loss(self, *_: Any) -> None:
        self._lost.set()


async def _closed(channel: AbstractChannel) -> None:
    try:
        await asyncio.wait_for(channel.close(), STOP_SECONDS_MAX)
    except GONE:
        log.debug("channel.close_failed")
