"""One picture, spoiled on purpose and repaired in three ways."""

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from benchmarks.degradations import spoiled
from benchmarks.quality import Likeness, likeness
from services.enhancer.engines import OPERATIONS
from services.enhancer.engines.vips import allow_known_loaders_only
from shared.sniff import sniff

OUTPUT_QUALITY = 95


@dataclass(frozen=True)
class Comparison:
    """How alike the original are the three results from one spoiled picture."""

    plain: Likeness
    autocontrast: Likeness
    enhanced: Likeness


def compare(original: Image.Image, degradation: str) -> Comparison:
    """Spoil a picture, repair it in three ways to its own size (made even), and see how near each comes."""
    original = original.crop((0, 0, original.width // 2 * 2, original.height // 2 * 2))
    content = spoiled(original, degradation)
    seen = Image.open(io.BytesIO(content))
    plain = seen.resize(original.size, Image.Resampling.LANCZOS)
    stretched = ImageOps.autocontrast(seen).resize(original.size, Image.Resampling.LANCZOS)
    return Comparison(
        likeness(original, _stored(plain)),
        likeness(original, _stored(stretched)),
        likeness(original, enhanced(content, max(original.size))),
    )


def enhanced(content: bytes, side: int) -> Image.Image:
    """What the engine's own function makes of a file, in this process."""
    allow_known_loaders_only()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.write_bytes(content)
        made = OPERATIONS["enhance"](source, sniff(source), side=side, quality=OUTPUT_QUALITY)
    return Image.open(io.BytesIO(made.data))


def _stored(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=OUTPUT_QUALITY, subsampling=0)
    return Image.open(buffer)
