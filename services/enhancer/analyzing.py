"""Analysing an image: who does it, whether it was done before, and what is announced."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from services.enhancer.analysis import JPEG_QUALITY, JPEG_SIDE_PIXELS_MAX, Analyzed
from services.enhancer.domain import LOCAL, LOCAL_MODEL, analysis_fingerprint, analyzer_for, tidied
from services.enhancer.findings import Finding
from services.enhancer.ports import Ports
from services.enhancer.store import AnalysisKey, KeptAnalysis
from shared.events import ImageFetched

JPEG = {
    "operation": "compress",
    "params": {"format": "jpeg", "quality": JPEG_QUALITY, "max_side": JPEG_SIDE_PIXELS_MAX},
}

# After which those come again who found no place: less than what those who have one still have to do.
CROWDED_LOCAL_SECONDS, CROWDED_REMOTE_SECONDS = 10, 2


async def find(event: ImageFetched, ports: Ports) -> Finding:
    """Have the image analysed, unless the same bytes were for the same account. Permanent, Transient, NotYet."""
    provider = analyzer_for(event.recipe.provider, ports.analyzer, ports.providers)
    model = ports.providers[provider].model if provider != LOCAL else LOCAL_MODEL
    fingerprint = analysis_fingerprint(event.recipe.params, provider, model)
    key = AnalysisKey(event.account_id, event.blob.digest, fingerprint)
    asker = (event.image_id, event.run)
    with ports.crowd.place(event.seq, CROWDED_LOCAL_SECONDS if provider == LOCAL else CROWDED_REMOTE_SECONDS):
        finding, shared = await ports.sharing.get(key, asker, partial(_look_up, event, provider, key, ports))
    return replace(finding, again=True, kept=None, seconds=0.0) if shared else finding


async def _look_up(event: ImageFetched, provider: str, key: AnalysisKey, ports: Ports) -> Finding:
    """What the database knows, or else what the analyser says."""
    kept = await ports.analyzed.find(key)
    if kept is not None:
        return Finding(Analyzed(kept.analysis, kept.model), provider, again=True, kept=None, seconds=0.0)
    said, seconds = await (_locally(event, ports) if provider == LOCAL else _by(provider, event, ports))
    analyzed = replace(said, analysis=tidied(said.analysis))
    kept = KeptAnalysis(key, analyzed.analysis, provider, analyzed.model)
    return Finding(analyzed, provider, again=False, kept=kept, seconds=seconds)


async def _locally(event: ImageFetched, ports: Ports) -> tuple[Analyzed, float]:
    recipe = {"operation": "analyze", "params": event.recipe.params}
    async with ports.turns, ports.blobs.local(event.blob.digest) as source:
        ports.gate.admit(event)  # its job may have been paused or cancelled while it waited
        started = time.perf_counter()
        analysis = await ports.readers.read(source, recipe)
        return Analyzed(analysis, LOCAL_MODEL), time.perf_counter() - started


async def _by(provider: str, event: ImageFetched, ports: Ports) -> tuple[Analyzed, float]:
    ports.providers[provider].admit()
    async with ports.blobs.local(event.blob.digest) as source:
        jpeg = await _jpeg_of(source, ports)
    ports.gate.admit(event)
    started = time.perf_counter()
    analyzed = await ports.providers[provider].analyze(jpeg)
    return analyzed, time.perf_counter() - started


async def _jpeg_of(source: Path, ports: Ports) -> bytes:
    """The picture as providers take it: upright, without metadata, not too large."""
    with ports.blobs.staged() as output:
        await ports.sandbox.render(source, output, JPEG)
        return output.read_bytes()
