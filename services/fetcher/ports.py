"""What the fetcher's handlers reach the world by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.fetcher import store
from services.fetcher.settings import Settings
from shared.addresses import Allowance
from shared.blobs import Blobs, open_blobs
from shared.db import Database
from shared.errors import NotYet, Permanent
from shared.events import ImageRequested
from shared.facts import Blob
from shared.gate import Gate
from shared.service import Core
from shared.sniff import Sniffed, sniff
from shared.web import GuardedClient, Limits

CLAIM_SECONDS = 100
SNIFFED_AT_ONCE_BYTES_MAX = 1_000_000
CLAIMED_ELSEWHERE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Claims:
    """Sources that several images of a job name."""

    database: Database

    async def claim(self, event: ImageRequested) -> Blob | None:
        """None: it is this image's to fetch. Raises NotYet while another's is under way, Permanent if it failed."""
        async with self.database.connection() as connection:
            row = await store.claim_fetch(connection, event, CLAIM_SECONDS)
        if row is None:
            return None
        if row["problem"]:
            raise Permanent(row["problem"], row["detail"])
        if blob := store.blob_of(row):
            return blob
        raise NotYet("another image of the job is fetching this source", CLAIMED_ELSEWHERE_SECONDS)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that the handlers need."""

    database: Database
    gate: Gate
    claims: Claims
    web: GuardedClient
    blobs: Blobs
    pixels_max: int
    frames_max: int

    async def inspect(self, path: Path, size_bytes: int) -> Sniffed:
        """What kind of picture is it, by its content? Raises Permanent."""
        if size_bytes <= SNIFFED_AT_ONCE_BYTES_MAX:  # its headers are read in less time than a thread takes to wake
            return sniff(path, pixels_max=self.pixels_max, frames_max=self.frames_max)
        return await asyncio.to_thread(sniff, path, pixels_max=self.pixels_max, frames_max=self.frames_max)


def limits_of(settings: Settings) -> Limits:
    """The limits of one download."""
    return Limits(
        connect_seconds=settings.fetch_connect_seconds,
        idle_seconds=settings.fetch_idle_seconds,
        total_seconds=settings.fetch_total_seconds,
        bytes_max=settings.source_bytes_max,
        per_host_connections=settings.fetch_per_host_connections,
    )


@asynccontextmanager
async def open_ports(core: Core, settings: Settings) -> AsyncIterator[Ports]:
    """Open everything, close it at the end."""
    allowance = Allowance.parse(settings.fetch_allow, settings.fetch_ports)
    async with GuardedClient.open(allowance=allowance, limits=limits_of(settings)) as web:
        yield Ports(
            database=core.database,
            gate=Gate(),
            claims=Claims(core.database),
            web=web,
            blobs=open_blobs(settings.blobs_url),
            pixels_max=settings.source_pixels_max,
            frames_max=settings.source_frames_max,
        )
