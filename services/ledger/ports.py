"""What the ledger's handlers and loops need: no network, only what the settings say, and its own tables and outbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.ledger.domain import Terms
from services.ledger.settings import Settings
from shared.db import Database
from shared.outbox import Relay
from shared.regeneration import Regeneration
from shared.service import Core


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that the ledger needs; its handlers only look at the terms."""

    terms: Terms
    database: Database
    relay: Relay


@asynccontextmanager
async def open_ports(core: Core, settings: Settings) -> AsyncIterator[Ports]:
    """The ports as the settings say."""
    yield Ports(
        terms=Terms(Regeneration(), settings.opening_tokens, settings.local_opening_tokens),
        database=core.database,
        relay=core.relay,
    )
