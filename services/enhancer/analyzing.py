"""Analysing an image: who does it, whether it was done before, and what is announced."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from services.enhancer.analysis import JPEG_QUALITY, JPEG_SIDE_PIXELS_MAX, Analyzed
from services.enhancer.domain import LOCAL, LOCAL_MODEL, analysis_fingerprint, analyzer_for, tidied
from services.enhancer.ports import Ports
from services.enhancer.store import AnalysisKey, KeptAnalysis
from shared.events import ImageFetched

JPEG = {
    "operation": "compress",
    "params": {"format": "jpeg", "quality": JPEG_QUALITY, "max_side": JPEG_SIDE_PIXELS_MAX},
}

# After which those come again who found no place: less than what those who have one still have to do.
CROWDED_LOCAL_SECONDS, CROWDED_REMOTE_SECONDS = 10, 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What an analyser found; `again`: somebody had asked the same before. `kept` is what to remember, if it is new."""

    analyzed: Analyzed
    provider: str
    again: bool
    kept: KeptAnalysis | None


async def find(event: ImageFetched, ports: Ports) -> Finding:
    """Have the image analysed, unless the same bytes were for the same account. Permanent, Transient, NotYet."""
    provider = analyzer_for(event.recipe.provider, ports.analyzer, ports.providers)
    model = ports.providers[provider].model if provider != LOCAL else LOCAL_MODEL
    fingerprint = analysis_fingerprint(event.recipe.params, provider, model)
    key = AnalysisKey(event.account_id, event.blob.digest, fingerprint)
    asker = (event.image_id, event.run)
    with ports.crowd.place(event.seq, CROWDED_LOCAL_SECONDS if provider == LOCAL else CROWDED_REMOTE_SECONDS):
        (analyzed, known), shared = await ports.sharing.get(key, asker, partial(_look_up, event, provider, key, ports))
    kept = None if known or shared else KeptAnalysis(key, analyzed.analysis, provider, analyzed.model)
    return Finding(analyzed, provider, known or shared, kept)


async def _look_up(event: ImageFetched, provider: str, key: AnalysisKey, ports: Ports) -> tuple[Analyzed, bool]:
    """What the database knows, or else what the analyser says; and whether it was the database."""
    kept = await ports.analyzed.find(key)
    if kept is not None:
        return Analyzed(kept.analysis, kept.model), True
    analyzed = await (_locally(event, ports) if provider == LOCAL else _by(provider, event, ports))
    return (
        Analyzed(tidied(analyzed.analysis), analyzed.model, analyzed.key_hint, analyzed.cost_micros),
        False,
    )


async def _locally(event: ImageFetched, ports: Ports) -> Analyzed:
    recipe = {"operation": "analyze", "params": event.recipe.params}
    async with ports.turns, ports.blobs.local(event.blob.digest) as source:
        ports.gate.admit(event)  # its job may have been paused or cancelled while it waited
        return Analyzed(await ports.readers.read(source, recipe), LOCAL_MODEL)


async def _by(provider: str, event: ImageFetched, ports: Ports) -> Analyzed:
    ports.providers[provider].admit()
    async with ports.blobs.local(event.blob.digest) as source:
        jpeg = await _jpeg_of(source, ports)
    ports.gate.admit(event)
    return await ports.providers[provider].analyze(jpeg)


async def _jpeg_of(source: Path, ports: Ports) -> bytes:
    """The picture as providers take it: upright, without metadata, not too large."""
    with ports.blobs.staged() as output:
        await ports.sandbox.render(source, output, JPEG)
        return output.read_bytes()
