"""Whether `enhance` helps: known pictures are spoiled, enhanced, and compared with what they were before.

Beside it two baselines get the same files: a plain Lanczos resize, and Pillow's autocontrast before that resize.
"""

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from benchmarks.degradations import DEGRADATIONS, QUALITY, STORED_QUALITY
from benchmarks.quality import Likeness, likeness
from services.enhancer.engines import OPERATIONS
from shared.sniff import sniff

OUTPUT_QUALITY = 95
GOOD = "nothing wrong"


@dataclass(frozen=True)
class Comparison:
    """How alike the original are the three results from one spoiled picture."""

    plain: Likeness
    autocontrast: Likeness
    enhanced: Likeness


def compare(original: Image.Image, degradation: str) -> Comparison:
    """Spoil a picture, repair it in three ways to its own size, and see how near each comes."""
    spoiled = (
        file_of(DEGRADATIONS[degradation](original), QUALITY.get(degradation, STORED_QUALITY))
        if degradation != GOOD
        else file_of(original, STORED_QUALITY)
    )
    seen = Image.open(io.BytesIO(spoiled))
    return Comparison(
        likeness(original, _stored(seen.resize(original.size, Image.Resampling.LANCZOS))),
        likeness(original, _stored(ImageOps.autocontrast(seen).resize(original.size, Image.Resampling.LANCZOS))),
        likeness(original, enhanced(spoiled, max(original.size))),
    )


def enhanced(content: bytes, side: int) -> Image.Image:
    """The engine's own function on a file, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.write_bytes(content)
        made = OPERATIONS["enhance"](source, sniff(source), side=side, quality=OUTPUT_QUALITY)
    return Image.open(io.BytesIO(made.data))


def file_of(picture: Image.Image, quality: int) -> bytes:
    """A JPEG file with full colour resolution."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _stored(picture: Image.Image) -> Image.Image:
    return Image.open(io.BytesIO(file_of(picture, OUTPUT_QUALITY)))
