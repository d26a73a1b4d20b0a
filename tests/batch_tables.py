"""Batches in tables of the gateway's own, without services: what events do to them is done by hand."""

import base64
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from services.gateway import projection
from services.gateway.batches.creating import Created, Order, create
from services.gateway.idempotency import Answered
from services.gateway.keyring import Keyring
from services.gateway.live import Live
from services.gateway.ports import Ports
from services.gateway.settings import Settings
from services.gateway.store import images, jobs
from services.gateway.store.images import ImageEnded
from services.gateway.store.results import Result
from shared.addresses import Allowance
from shared.blobs import open_blobs
from shared.db import MIGRATIONS, Database, migrate
from shared.events import Event
from shared.facts import Recipe
from shared.outbox import Relay
from shared.prices import Prices
from shared.regeneration import Regeneration
from shared.seal import Seal
from tests.gateway_ports import open_bus

GATEWAY_MIGRATIONS = Path(projection.__file__).parent / "migrations"
ACCOUNT = "local"


@asynccontextmanager
async def open_tables(postgres_url: str, amqp_url: str, blobs: Path, **knobs: object) -> AsyncIterator[Ports]:
    """The gateway's tables, empty, and ports over them; `knobs`: settings by their names."""
    settings = Settings(postgres_url=postgres_url, amqp_url=amqp_url, blobs_url=f"file://{blobs}", **knobs)  # type: ignore[arg-type]
    database = await Database.open(postgres_url, "gateway")
    try:
        await migrate(database, MIGRATIONS / "messaging", GATEWAY_MIGRATIONS)
        async with open_bus(amqp_url) as bus:
            yield Ports(
                settings=settings,
                database=database,
                relay=Relay(database, bus),
                bus=bus,
                blobs=open_blobs(settings.blobs_url),
                live=Live(postgres_url),
                keyring=Keyring(database),
                seal=Seal(base64.urlsafe_b64encode(bytes(32)).decode()),
                prices=Prices(),
                regeneration=Regeneration(),
                allowance=Allowance.parse(settings.fetch_allow, settings.fetch_ports),
            )
    finally:
        await database.close()


async def new_batch(ports: Ports, count: int, *, chunk_size: int = 10, account_id: str = ACCOUNT) -> UUID:
    """A pending batch of so many images."""

    def told(created: Created) -> Answered:
        return Answered(201, {"batch_id": str(created.job_id)})

    lines = "".join(f"http://shop.example/{uuid4().hex[:8]}-{number}.jpg\n" for number in range(count))
    order = Order(
        account_id=account_id,
        name="Shops",
        description=None,
        recipe=Recipe(operation="copy"),
        chunk_size=chunk_size,
        starts=False,
        webhook_url=None,
        webhook_secret=None,
        file_name="urls.csv",
        file=io.BytesIO(f"url\n{lines}".encode()),
    )
    return UUID((await create(ports, order, None, told)).body["batch_id"])


async def let_in(ports: Ports, job_id: UUID, count: int) -> list[asyncpg.Record]:
    """Let images of a started batch in, as the dispatcher does; their rows."""
    async with ports.database.transaction() as connection:
        (job,) = await jobs.lock_to_dispatch(connection, [job_id])
        found = await images.list_pending(connection, job_id, job["next_seq"], count)
        await jobs.advance(connection, job_id, found[-1]["seq"] + 1, len(found))
    return found


def ended(job_id: UUID, rows: Sequence[asyncpg.Record], state: str, run: int = 1) -> list[ImageEnded]:
    """How these images ended in a run."""
    problem = None if state == "succeeded" else "http_404" if state == "failed" else "cancelled"
    return [
        ImageEnded(
            job_id,
            row["image_id"],
            run,
            state,
            problem=problem,
            result=None if state == "cancelled" else _result(job_id, row, run, problem),
        )
        for row in rows
    ]


def _result(job_id: UUID, row: asyncpg.Record, run: int, problem: str | None) -> Result:
    return Result(
        image_id=row["image_id"],
        job_id=job_id,
        account_id=ACCOUNT,
        seq=row["seq"],
        run=run,
        url=row["source_url"],
        success=problem is None,
        problem=problem,
        created_at=datetime.now(UTC),
    )


async def hear(ports: Ports, told: Sequence[ImageEnded]) -> list[Event]:
    """Record news of images; what follows from them."""
    async with ports.database.transaction() as connection:
        return list(await projection.record_images(connection, told))


async def job_of(ports: Ports, job_id: UUID) -> asyncpg.Record | None:
    """A job's row."""
    async with ports.database.connection() as connection:
        return await connection.fetchrow("SELECT * FROM jobs WHERE job_id = $1", job_id)


async def status_of(ports: Ports, job_id: UUID) -> str | None:
    """A batch's status as its callers see it."""
    async with ports.database.connection() as connection:
        found: str | None = await connection.fetchval("SELECT status FROM batch_overviews WHERE job_id = $1", job_id)
    return found
