"""Fixtures and steps: providers over the enhancer's schema in a real Postgres, and stand-ins for their servers."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest_asyncio
from PIL import Image

import services.enhancer
from services.enhancer.analysis import Analyzed, Provider
from services.enhancer.providers import open_providers
from services.enhancer.settings import Settings
from shared.bus import Bus
from shared.db import MIGRATIONS, Database, migrate
from shared.errors import NotYet
from shared.outbox import Relay
from shared.service import Core
from tests.provider_servers import ProviderServer


def drawn_jpeg() -> bytes:
    """A small JPEG."""
    written = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 120, 40)).save(written, "JPEG")
    return written.getvalue()


JPEG = drawn_jpeg()


@pytest_asyncio.fixture(name="database", scope="module", loop_scope="session")
async def open_database(postgres_url: str) -> AsyncIterator[Database]:
    """The enhancer's database, migrated; tests share it and use keys of their own."""
    opened = await Database.open(postgres_url, "enhancer")
    try:
        await migrate(opened, MIGRATIONS / "messaging", Path(services.enhancer.__file__).parent / "migrations")
        yield opened
    finally:
        await opened.close()


def new_keys(count: int = 1) -> list[str]:
    """Keys that nobody has used."""
    return [f"key-{uuid4().hex}" for _ in range(count)]


def provider_settings(
    server: ProviderServer, *, vision: Sequence[str] = (), gemini: Sequence[str] = (), **knobs: Any
) -> Settings:
    """Settings with these keys, for a stand-in."""
    return Settings(
        DARKROOM_GOOGLE_VISION_API_KEYS=",".join(vision),
        DARKROOM_GEMINI_API_KEYS=",".join(gemini),
        DARKROOM_GEMINI_API_KEY="",
        google_vision_url=server.url,
        gemini_url=server.url,
        **knobs,
    )


@asynccontextmanager
async def providers(database: Database, settings: Settings) -> AsyncIterator[Mapping[str, Provider]]:
    """Providers as one process has them."""
    bus = Bus("amqp://127.0.0.1:1/", "enhancer", lambda _: 1)
    async with open_providers(Core(database, Relay(database, bus), bus), settings) as found:
        yield found


@asynccontextmanager
async def vision(
    database: Database, server: ProviderServer, keys: Sequence[str], **knobs: Any
) -> AsyncIterator[Provider]:
    """Google Vision as one process has it."""
    async with providers(database, provider_settings(server, vision=keys, **knobs)) as found:
        yield found["google_vision"]


@asynccontextmanager
async def gemini(
    database: Database, server: ProviderServer, keys: Sequence[str], **knobs: Any
) -> AsyncIterator[Provider]:
    """Gemini as one process has it."""
    async with providers(database, provider_settings(server, gemini=keys, **knobs)) as found:
        yield found["gemini"]


async def patiently(provider: Provider) -> Analyzed:
    """Analyse a picture, and wait as often as that is asked for."""
    while True:
        try:
            return await provider.analyze(JPEG)
        except NotYet as wait:
            await asyncio.sleep(wait.seconds)


async def outcome(provider: Provider) -> Analyzed | Exception:
    """What analysing a picture comes to."""
    try:
        return await provider.analyze(JPEG)
    except Exception as error:
        return error


async def known(database: Database, key: str) -> Mapping[str, Any]:
    """The row of the key that ends so."""
    async with database.connection() as connection:
        row = await connection.fetchrow(
            """
            SELECT *, resting_until > now() AS rests, refused_until > now() AS refused
            FROM provider_keys WHERE hint = $1 ORDER BY configured_at DESC
            """,
            key[-4:],
        )
    assert row is not None
    return dict(row)
