"""What the exporter's handlers and its deliverer reach the world by."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from services.exporter import store
from services.exporter.deliverer import Deliverer
from services.exporter.reporting import Reports
from services.exporter.results import ResultRow
from services.exporter.rows import Job, Tally
from services.exporter.settings import Settings
from services.exporter.upkeep import Upkeep
from shared.addresses import Allowance
from shared.blobs import Blobs, LocalBlobs, open_blobs
from shared.db import Database
from shared.errors import NotYet
from shared.seal import Seal
from shared.service import Core
from shared.web import GuardedClient, Limits

PAGE_ROWS = 2_000
WAIT_SECONDS_MIN = 0.2
WAIT_SECONDS_MAX = 10
WAIT_GROWTH = 1.5
WAITS_KEPT_MAX = 10_000


class Patience:
    """Waits that grow each time the same thing has to wait again; a restart begins anew."""

    def __init__(self) -> None:
        self._seconds: OrderedDict[tuple[UUID, int], float] = OrderedDict()

    def not_yet(self, job_id: UUID, run: int, reason: str) -> NotYet:
        """The error to raise: wait a little longer than the last time."""
        seconds = self._seconds.pop((job_id, run), WAIT_SECONDS_MIN)
        self._seconds[job_id, run] = min(seconds * WAIT_GROWTH, WAIT_SECONDS_MAX)
        if len(self._seconds) > WAITS_KEPT_MAX:
            self._seconds.popitem(last=False)
        return NotYet(reason, seconds)


@dataclass(frozen=True, slots=True)
class Records:
    """What was recorded, each read with a connection of its own for a short while."""

    database: Database
    image_url_start: str

    async def job(self, job_id: UUID) -> tuple[Job | None, Tally]:
        """A job, and how its images ended so far."""
        async with self.database.connection() as connection:
            return await store.find_job(connection, job_id), await store.count_results(connection, job_id)

    async def is_deleted(self, job_id: UUID) -> bool:
        """Whether a job was deleted."""
        async with self.database.connection() as connection:
            return await store.find_deletion(connection, job_id)

    async def has_export(self, export_id: UUID) -> bool:
        """Whether a request's file was built already."""
        async with self.database.connection() as connection:
            return await store.find_export(connection, export_id)

    async def pages(self, job_id: UUID) -> AsyncIterator[Sequence[ResultRow]]:
        """A job's results in order of `seq`."""
        after_seq = -1
        while True:
            async with self.database.connection() as connection:
                page = await store.list_results(
                    connection,
                    job_id,
                    after_seq=after_seq,
                    limit=PAGE_ROWS,
                    image_url_start=self.image_url_start,
                )
            if page:
                yield page
            if len(page) < PAGE_ROWS:
                return
            after_seq = page[-1].seq


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that the handlers need, and what runs beside them."""

    records: Records
    reports: Reports
    blobs: Blobs
    deliverer: Deliverer
    upkeep: Upkeep
    export_rows_max: int
    patience: Patience = field(default_factory=Patience)

    def read_blob(self, digest: str) -> AsyncIterator[bytes] | Path:
        """A blob's file where it is at hand, else its bytes in pieces."""
        return self.blobs.path(digest) if isinstance(self.blobs, LocalBlobs) else self.blobs.read(digest)


def limits_of(settings: Settings) -> Limits:
    """The limits of one webhook attempt."""
    return Limits(
        total_seconds=settings.webhook_seconds,
        per_host_connections=settings.webhook_per_host_connections,
        connections=settings.webhook_concurrency,
        host_wait_seconds=settings.webhook_host_wait_seconds,
    )


@asynccontextmanager
async def open_ports(core: Core, settings: Settings) -> AsyncIterator[Ports]:
    """Open everything, close it at the end."""
    allowance = Allowance.parse(settings.fetch_allow, settings.fetch_ports)
    has_key = bool(settings.secret_key or settings.secret_key_file)
    async with GuardedClient.open(allowance=allowance, limits=limits_of(settings)) as web:
        yield Ports(
            records=Records(core.database, f"{settings.public_url.rstrip('/')}/api/image/"),
            reports=Reports(core.database, settings.export_rows_max, asyncio.Semaphore(settings.export_concurrency)),
            upkeep=Upkeep(core.database, settings.deleted_results_seconds),
            blobs=open_blobs(settings.blobs_url),
            deliverer=Deliverer(
                database=core.database,
                relay=core.relay,
                web=web,
                seal=Seal.of(settings.secret_key, settings.secret_key_file) if has_key else None,
                attempt_seconds=settings.webhook_seconds,
                lease_seconds=settings.webhook_lease_seconds,
                concurrency=settings.webhook_concurrency,
            ),
            export_rows_max=settings.export_rows_max,
        )
