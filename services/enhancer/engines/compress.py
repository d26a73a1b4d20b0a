"""compress: the same picture in fewer bytes."""

from pathlib import Path

from services.enhancer.engines.jpeg import without_metadata
from services.enhancer.engines.rendering import Encoded
from services.enhancer.engines.vips import encode, open_picture, scaled
from shared.sniff import Sniffed

LOWER_QUALITIES = (40, 30, 20, 10, 5, 1)


def compress(source: Path, found: Sniffed, *, quality: int, format: str, max_side: int | None) -> Encoded:
    """Encode anew at `quality`, pixels kept unless `max_side` is smaller; a JPEG never becomes a bigger JPEG."""
    size = scaled(found.width, found.height, max_side)
    opened = open_picture(source, found, size)
    width, height, image = opened.image.width, opened.image.height, opened.image
    data = encode(image, format, quality)
    if format == "jpeg" and found.format == "jpeg" and len(data) >= (source_bytes := source.stat().st_size):
        if opened.as_stored:
            data = without_metadata(source.read_bytes())
        else:
            data = _smaller(source, found, size, quality, source_bytes)
    return Encoded(data, format, width, height)


def _smaller(source: Path, found: Sniffed, size: tuple[int, int] | None, quality: int, bytes_max: int) -> bytes:
    """Lower the quality until the file is no bigger than `bytes_max`; the pixels had to change, so no copy can do.

    Out of reach only for CMYK files of a few hundred bytes: the header of an RGB file alone is larger.
    """
    image = open_picture(source, found, size).image.copy_memory()
    data = encode(image, "jpeg", quality, smallest=True)
    for lower in (step for step in LOWER_QUALITIES if step < quality):
        if len(data) <= bytes_max:
            break
        data = encode(image, "jpeg", lower, smallest=True)
    return data
