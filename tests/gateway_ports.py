"""The gateway's ports, opened by a test beside a running gateway: what its doors do not offer yet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from unittest.mock import patch

from deploy.local.stack import Stack
from services.gateway.keyring import Keyring
from services.gateway.live import Live
from services.gateway.ports import Ports
from services.gateway.settings import Settings
from shared import topology
from shared.addresses import Allowance
from shared.blobs import open_blobs
from shared.bus import Bus
from shared.db import Database
from shared.delivery import Delivery
from shared.outbox import Relay
from shared.prices import Prices
from shared.regeneration import Regeneration
from shared.seal import Seal
from tests.eventually import eventually

PUBLISHER = "tests"


@asynccontextmanager
async def open_bus(amqp_url: str) -> AsyncIterator[Bus]:
    """A connection that publishes and consumes nothing."""

    async def ignore(_: Delivery) -> None:
        return None

    with patch.dict(topology.CONSUMERS, {PUBLISHER: ()}):
        bus = Bus(amqp_url, PUBLISHER, lambda _: 1)

        async def is_open() -> None:
            assert bus.is_open

        keeping = asyncio.create_task(bus.keep_open(ignore))
        try:
            await eventually(is_open, 10)
            yield bus
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping


@asynccontextmanager
async def open_ports(stack: Stack, prices: Prices, **knobs: Any) -> AsyncIterator[Ports]:
    """Ports over the stack's own database, broker and blobs; jobs that are submitted by them cost `prices`.

    knobs: settings of the gateway, by their names.
    """
    state = stack.state()
    assert state is not None
    urls = stack.urls
    settings = Settings(
        postgres_url=urls.postgres["gateway"],
        amqp_url=urls.amqp,
        blobs_url=urls.blobs,
        secret_key=state.secrets["seal"],
        fetch_allow="127.0.0.1/32",
        **knobs,
    )
    database = await Database.open(settings.postgres_url, "gateway", connections_max=3)
    try:
        async with open_bus(urls.amqp) as bus:
            yield Ports(
                settings=settings,
                database=database,
                relay=Relay(database, bus),
                bus=bus,
                blobs=open_blobs(settings.blobs_url),
                live=Live(settings.postgres_url),
                keyring=Keyring(database),
                seal=Seal(settings.secret_key),
                prices=prices,
                regeneration=Regeneration(),
                allowance=Allowance.parse(settings.fetch_allow, settings.fetch_ports),
            )
    finally:
        await database.close()
