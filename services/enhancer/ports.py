"""What the enhancer's handlers reach the world by."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.enhancer import store
from services.enhancer.analysis import Analyzed, Provider
from services.enhancer.confinement import SandboxLimits
from services.enhancer.crowd import Crowd
from services.enhancer.made import Made
from services.enhancer.providers import open_providers
from services.enhancer.sandbox import Sandbox
from services.enhancer.settings import Settings
from services.enhancer.sharing import Sharing
from services.enhancer.store import AnalysisKey, KeptAnalysis
from shared.blobs import Blobs, open_blobs
from shared.db import Database
from shared.facts import Blob
from shared.gate import Gate
from shared.service import Core

READING_CPU_SECONDS = 60
READING_TASKS_MAX = 1_000
READING_RESIDENT_BYTES_MAX = 600 << 20
READING_RETURNED_BYTES_MIN = 128 << 10


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that the handlers need."""

    database: Database
    gate: Gate
    made: Made[tuple[str, str], Blob]
    sandbox: Sandbox
    blobs: Blobs
    analyzer: str
    analyzed: Made[AnalysisKey, KeptAnalysis]
    crowd: Crowd
    sharing: Sharing[AnalysisKey, tuple[Analyzed, bool]]
    readers: Sandbox
    turns: asyncio.Semaphore
    providers: Mapping[str, Provider]


@asynccontextmanager
async def open_ports(core: Core, settings: Settings) -> AsyncIterator[Ports]:
    """Start the workers, end them at the end; those that read start when they are needed."""
    async with (
        Sandbox.open(settings.enhance_workers, _rendering(settings)) as sandbox,
        Sandbox.open(settings.analyze_workers, _reading(settings), when_needed=True) as readers,
        open_providers(core, settings) as providers,
    ):
        yield Ports(
            database=core.database,
            gate=Gate(),
            made=Made(core.database, store.find_renditions),
            sandbox=sandbox,
            blobs=open_blobs(settings.blobs_url),
            analyzer=settings.analyzer,
            analyzed=Made(core.database, store.find_analyses),
            crowd=Crowd(settings.analyses_max),
            sharing=Sharing(settings.concurrency),
            readers=readers,
            turns=asyncio.Semaphore(settings.analyze_workers),
            providers=providers,
        )


def _rendering(settings: Settings) -> SandboxLimits:
    return SandboxLimits(
        seconds=settings.enhance_seconds_max,
        memory_bytes=settings.enhance_memory_bytes_max,
        pixels_max=settings.source_pixels_max,
        frames_max=settings.source_frames_max,
    )


def _reading(settings: Settings) -> SandboxLimits:
    """Models are large and stay; what they reckon with is larger, and goes."""
    return SandboxLimits(
        seconds=settings.analyze_seconds_max,
        cpu_seconds=READING_CPU_SECONDS,
        memory_bytes=settings.analyze_memory_bytes_max,
        pixels_max=settings.source_pixels_max,
        frames_max=settings.source_frames_max,
        tasks_max=READING_TASKS_MAX,
        resident_bytes_max=READING_RESIDENT_BYTES_MAX,
        returned_bytes_min=READING_RETURNED_BYTES_MIN,
    )
