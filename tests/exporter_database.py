"""Fixtures: the exporter's schema in a real Postgres, and its ports.

A test module imports the functions and asks for their fixtures by the names given to them.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

import services.exporter
from services.exporter.ports import Ports, open_ports
from services.exporter.settings import Settings
from shared.bus import Bus
from shared.db import MIGRATIONS, Database, migrate
from shared.outbox import Relay
from shared.service import Core

SECRET_KEY = "c2VhbHNlYWxzZWFsc2VhbHNlYWxzZWFsc2VhbHNlYWw="


@pytest_asyncio.fixture(name="database", scope="module", loop_scope="session")
async def open_database(postgres_url: str) -> AsyncIterator[Database]:
    """The exporter's database, migrated; tests share it and use jobs of their own."""
    opened = await Database.open(postgres_url, "exporter")
    try:
        await migrate(opened, MIGRATIONS / "messaging", Path(services.exporter.__file__).parent / "migrations")
        yield opened
    finally:
        await opened.close()


@pytest_asyncio.fixture(name="ports")
async def open_exporter(database: Database, tmp_path: Path) -> AsyncIterator[Ports]:
    """The exporter's ports; without a broker, so that events stay in the outbox."""
    settings = Settings(
        blobs_url=f"file://{tmp_path}/blobs",
        DARKROOM_PUBLIC_URL="https://darkroom.example/",
        secret_key=SECRET_KEY,
        fetch_allow="127.0.0.1/32",
        webhook_seconds=0.4,
        webhook_host_wait_seconds=0.1,
        export_rows_max=5_000,
    )
    bus = Bus("amqp://127.0.0.1:1/", "exporter", lambda _: 1)
    (tmp_path / "blobs").mkdir()
    async with open_ports(Core(database, Relay(database, bus), bus), settings) as opened:
        yield opened
