"""enhance: the same picture at an exact size, with what it lacks put right and the rest left alone."""

import math
from pathlib import Path

from services.enhancer.engines.enlarge import resized
from services.enhancer.engines.rendering import Encoded
from services.enhancer.engines.vips import encode, open_picture
from shared.sniff import Sniffed

WHITE = 255


def enhance(source: Path, found: Sniffed, *, side: int, quality: int) -> Encoded:
    """Return a JPEG whose longest side has exactly `side` pixels."""
    reduced = exact_size(found.width, found.height, side) if max(found.width, found.height) > side else None
    picture = open_picture(source, found, reduced).image
    if picture.hasalpha():
        picture = picture.flatten(background=[WHITE])
    picture = picture.copy_memory()  # looked at several times
    width, height = exact_size(picture.width, picture.height, side)
    picture = resized(picture, width, height)
    return Encoded(encode(picture, "jpeg", quality), "jpeg", width, height)


def exact_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with the longest side at `side` pixels, the other one rounded half up and at least 1."""
    longest = max(width, height)
    shorter = max(1, math.floor(side * min(width, height) / longest + 0.5))
    return (side, shorter) if width > height else (shorter, side)
