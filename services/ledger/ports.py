"""What the ledger's handlers need: no network, only what the settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.ledger.settings import Settings


@dataclass(frozen=True, slots=True)
class Ports:
    """opening_tokens: given once to every account that the ledger first sees."""

    opening_tokens: int = 0


@asynccontextmanager
async def open_ports(settings: Settings) -> AsyncIterator[Ports]:
    """The ports as the settings say."""
    yield Ports(opening_tokens=settings.opening_tokens)
