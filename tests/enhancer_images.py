"""The enhancer's handlers over a real Postgres and real workers: images to give them, and how outcomes are recorded."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import services.enhancer
from services.enhancer.analysis import Analyzed
from services.enhancer.handlers import SERVICE, on_image_fetched
from services.enhancer.ports import Ports, open_ports
from services.enhancer.settings import Settings
from shared.bus import Bus
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import new_id
from shared.events import ImageAnalyzed, ImageFetched
from shared.facts import Analysis, Blob, Label, Recipe, Source, Timeline
from shared.outbox import Relay
from shared.outcome import Outcome
from shared.service import Core

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FOLDER = Path(services.enhancer.__file__).parent


class Oracle:
    """An analyser that answers as it is told to, and counts how often it is asked."""

    name, model = "gemini", "oracle-1"

    def __init__(self, *answers: Analyzed | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[bytes] = []

    def admit(self) -> None:
        """Always."""

    async def analyze(self, jpeg: bytes) -> Analyzed:
        self.asked.append(jpeg)
        answer = self._answers.pop(0) if self._answers else Analyzed(Analysis(store_name="Miller"), self.model)
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def opened_ports(postgres_url: str, folder: Path, **settings: Any) -> AsyncIterator[Ports]:
    """The enhancer's ports; without a broker, so that nothing leaves."""
    database = await Database.open(postgres_url, "enhancer")
    try:
        await migrate(database, MIGRATIONS / "messaging", MIGRATIONS / "gate", FOLDER / "migrations")
        complete = Settings(
            **{"blobs_url": f"file://{folder}/blobs", "enhance_workers": 1, "analyze_workers": 1, **settings}
        )
        bus = Bus("amqp://nobody", "enhancer", lambda _: 1)
        async with open_ports(Core(database, Relay(database, bus), bus), complete) as ports:
            yield ports
    finally:
        await database.close()


async def fetched(
    ports: Ports, content: bytes, provider: str = "auto", account_id: str = "", **facts: Any
) -> ImageFetched:
    """The event of an image whose bytes are in the blob store."""
    digest = hashlib.sha256(content).hexdigest()
    with ports.blobs.staged() as path:
        path.write_bytes(content)
        await ports.blobs.keep(path, digest)
    return ImageFetched(
        **{
            "account_id": account_id or f"account-{uuid4()}",
            "job_id": new_id(),
            "kind": "batch",
            "image_id": new_id(),
            "seq": 0,
            "label": Label(item=1),
            "source": Source(url="https://shop.example/a.jpg"),
            "recipe": Recipe(operation="analyze", provider=provider),
            "timeline": Timeline(requested_at=NOW, fetched_at=NOW),
            "blob": Blob(digest=digest, size_bytes=len(content), format="jpeg", width=8, height=8),
            **facts,
        }
    )


async def handled(event: ImageFetched, ports: Ports) -> ImageAnalyzed:
    """What is announced of an image; what is to be recorded, is."""
    outcome = await on_image_fetched(event, ports)
    await record(outcome, ports)
    (analyzed,) = outcome.emit
    assert isinstance(analyzed, ImageAnalyzed)
    return analyzed


async def record(outcome: Outcome, ports: Ports) -> None:
    """Write an outcome's rows as the service does."""
    async with ports.database.transaction() as connection:
        for kind, recorder in SERVICE.recorders.items():
            rows = [row for row in outcome.record if isinstance(row, kind)]
            if rows:
                await recorder(connection, rows)
