"""What the enhancer's handlers reach the world by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.enhancer.confinement import SandboxLimits
from services.enhancer.made import Made
from services.enhancer.sandbox import Sandbox
from services.enhancer.settings import Settings
from shared.blobs import Blobs, open_blobs
from shared.db import Database
from shared.gate import Gate
from shared.service import Core


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that the handlers need."""

    database: Database
    gate: Gate
    made: Made
    sandbox: Sandbox
    blobs: Blobs


@asynccontextmanager
async def open_ports(core: Core, settings: Settings) -> AsyncIterator[Ports]:
    """Start the workers, end them at the end."""
    limits = SandboxLimits(
        seconds=settings.enhance_seconds_max,
        memory_bytes=settings.enhance_memory_bytes_max,
        pixels_max=settings.source_pixels_max,
        frames_max=settings.source_frames_max,
    )
    async with Sandbox.open(settings.enhance_workers, limits) as sandbox:
        yield Ports(
            database=core.database,
            gate=Gate(),
            made=Made(core.database),
            sandbox=sandbox,
            blobs=open_blobs(settings.blobs_url),
        )
