"""Batches with results in a gateway's tables, a caller of that gateway, an exporter that only repeats what it hears.

The gateway runs inside the test, over a database of its own and without a broker: what it says stays in its outbox.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx

from services.gateway import intake, projection
from services.gateway.api.app import create_app
from services.gateway.intake import Submission
from services.gateway.keyring import Keyring
from services.gateway.live import Live
from services.gateway.ports import Ports
from services.gateway.settings import Settings
from services.gateway.store import batches, chunks, jobs
from services.gateway.store.batches import NewBatch
from services.gateway.store.images import ImageEnded
from services.gateway.store.reports import ReportEnded
from services.gateway.store.results import Result
from shared.addresses import Allowance
from shared.blobs import open_blobs
from shared.bus import Bus
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import read
from shared.events import ReportRequested
from shared.facts import Recipe
from shared.outbox import Relay
from shared.prices import Prices
from shared.regeneration import Regeneration
from shared.seal import Seal

GATEWAY_MIGRATIONS = Path(projection.__file__).parent / "migrations"
LOCAL = "local"
BEGINNING = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
LOOKED_AT_SECONDS = 0.02
CHUNK_SIZE = 2
NO_BROKER = "amqp://nobody@127.0.0.1:1/"


@asynccontextmanager
async def gateway_alone(postgres_url: str, folder: Path, **knobs: object) -> AsyncIterator[Ports]:
    """A gateway's ports, its tables made; knobs: its settings."""
    settings = Settings.model_validate(
        {
            "postgres_url": postgres_url,
            "amqp_url": NO_BROKER,
            "blobs_url": f"file://{folder}",
            "secret_key": "0" * 43 + "=",
            "anonymous": True,
            **knobs,
        }
    )
    database = await Database.open(postgres_url, "gateway", connections_max=4)
    await migrate(database, MIGRATIONS / "messaging", GATEWAY_MIGRATIONS)
    bus = Bus(NO_BROKER, "gateway", lambda _: 1)
    ports = Ports(
        settings=settings,
        database=database,
        relay=Relay(database, bus),
        bus=bus,
        blobs=open_blobs(settings.blobs_url),
        live=Live(postgres_url),
        keyring=Keyring(database),
        seal=Seal(settings.secret_key or ""),
        prices=Prices(),
        regeneration=Regeneration(),
        allowance=Allowance.parse(settings.fetch_allow, settings.fetch_ports),
    )
    listening = asyncio.create_task(ports.live.listen())
    try:
        yield ports
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await database.close()


def caller_of(ports: Ports) -> httpx.AsyncClient:
    """The account `local`."""
    transport = httpx.ASGITransport(create_app(ports), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def batch_of(
    ports: Ports,
    showed: Sequence[dict[str, object]],
    *,
    account_id: str = LOCAL,
    name: str = "Shops",
    waiting: int = 0,
    begins: datetime = BEGINNING,
) -> UUID:
    """A batch whose images showed these things, a second apart; `problem`: it failed. Then images that wait."""
    total = len(showed) + waiting
    rows = [
        (seq + 1, seq + 1, "", 0, 1, f"https://example.com/{seq}.jpg", (f"town {seq}", "7")) for seq in range(total)
    ]
    submission = Submission(
        account_id, "batch", Recipe(operation="analyze"), "urls.csv", None, None, lambda: iter(rows), name=name
    )
    async with ports.database.transaction() as connection:
        job, _ = await intake.accept(connection, ports, submission)
        job_id: UUID = job["job_id"]
        new = NewBatch(job_id, account_id, name, None, CHUNK_SIZE, -(-total // CHUNK_SIZE), ("town", "size"))
        await batches.insert_batch(connection, new)
        await chunks.insert_chunks(connection, job_id, total, CHUNK_SIZE)
        await connection.execute("UPDATE jobs SET in_flight = $2, next_seq = $2 WHERE job_id = $1", job_id, total)
    for seq, facts in enumerate(showed):
        await record(ports, job_id, seq, facts, begins + timedelta(seconds=seq))
    return job_id


async def record(ports: Ports, job_id: UUID, seq: int, facts: dict[str, object], moment: datetime = BEGINNING) -> None:
    """What an image showed becomes known."""
    async with ports.database.transaction() as connection:
        image = await connection.fetchrow(
            "SELECT image_id, account_id, images.run, source_url FROM images JOIN jobs USING (job_id) "
            "WHERE job_id = $1 AND seq = $2",
            job_id,
            seq,
        )
        assert image is not None
        told = {"processing_seconds": 0.5 + seq / 10, **facts}
        result = Result(
            image["image_id"],
            job_id,
            image["account_id"],
            seq,
            image["run"],
            image["source_url"],
            "problem" not in facts,
            moment,
            **told,  # type: ignore[arg-type]
        )
        state = "succeeded" if result.success else "failed"
        ended = ImageEnded(job_id, image["image_id"], image["run"], state, problem=result.problem, result=result)
        await projection.record_images(connection, [ended])


async def restart(ports: Ports, job_id: UUID, seq: int) -> None:
    """A failed image of an ended batch runs again, in the next run."""
    async with ports.database.transaction() as connection:
        await connection.execute(
            "UPDATE images SET run = run + 1, state = 'pending' WHERE job_id = $1 AND seq = $2", job_id, seq
        )
        await connection.execute(
            "UPDATE chunks SET images_failed = images_failed - 1 WHERE job_id = $1 AND number = $2",
            job_id,
            seq // CHUNK_SIZE + 1,
        )
        await jobs.restart(connection, job_id, 1, 1)
        await connection.execute("UPDATE jobs SET in_flight = 1, next_seq = images_total WHERE job_id = $1", job_id)


async def requested(ports: Ports) -> list[ReportRequested]:
    """The reports that the gateway has asked for and nobody has made, in their order."""
    async with ports.database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM outbox WHERE event_type = $1 ORDER BY id", ReportRequested.type)
    found = [read(row["body"], ReportRequested.type).data for row in rows]
    return [each for each in found if isinstance(each, ReportRequested)]


async def make_report(ports: Ports, said: ReportRequested, **ended: object) -> None:
    """Make a report whose content is what was asked for; or end it otherwise."""
    content = said.model_dump_json().encode()
    digest = hashlib.sha256(content).hexdigest()
    with ports.blobs.staged() as staged:
        staged.write_bytes(content)
        await ports.blobs.keep(staged, digest)
    facts = {"state": "completed", "digest": digest, "size_bytes": len(content), "rows": 1, **ended}
    async with ports.database.transaction() as connection:
        await projection.record_reports(connection, [ReportEnded(said.export_id, **facts)])  # type: ignore[arg-type]
        await connection.execute(
            "DELETE FROM outbox WHERE position($1 IN convert_from(body, 'UTF8')) > 0", f"{said.export_id}"
        )


@asynccontextmanager
async def exporting(ports: Ports) -> AsyncIterator[list[ReportRequested]]:
    """Make every report that is asked for; what was made so far."""
    made: list[ReportRequested] = []

    async def make() -> None:
        while True:
            for said in await requested(ports):
                await make_report(ports, said)
                made.append(said)
            await asyncio.sleep(LOOKED_AT_SECONDS)

    making = asyncio.create_task(make())
    try:
        yield made
    finally:
        making.cancel()
        with suppress(asyncio.CancelledError):
            await making
