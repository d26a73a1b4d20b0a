"""What the gateway's handlers, loops and doors reach the world by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.gateway.keyring import Keyring
from services.gateway.live import Live
from services.gateway.management import Management
from services.gateway.settings import Settings
from shared.addresses import Allowance
from shared.blobs import Blobs, open_blobs
from shared.bus import Bus
from shared.db import Database
from shared.outbox import Relay
from shared.prices import Prices
from shared.regeneration import Regeneration
from shared.seal import Seal
from shared.service import Core


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that the gateway needs."""

    settings: Settings
    database: Database
    relay: Relay
    bus: Bus
    blobs: Blobs
    live: Live
    keyring: Keyring
    seal: Seal
    prices: Prices
    regeneration: Regeneration
    allowance: Allowance
    management: Management | None = None


@asynccontextmanager
async def open_ports(core: Core, settings: Settings) -> AsyncIterator[Ports]:
    """Open everything; the loops that use it are the service's background."""
    url = settings.rabbitmq_management_url
    management = Management(url, settings.amqp_url) if url else None
    yield Ports(
        settings=settings,
        database=core.database,
        relay=core.relay,
        bus=core.bus,
        blobs=open_blobs(settings.blobs_url),
        live=Live(settings.postgres_url),
        keyring=Keyring(core.database),
        seal=Seal.of(settings.secret_key, settings.secret_key_file),
        prices=Prices(),
        regeneration=Regeneration(),
        allowance=Allowance.parse(settings.fetch_allow, settings.fetch_ports),
        management=management,
    )
    if management:
        await management.close()
