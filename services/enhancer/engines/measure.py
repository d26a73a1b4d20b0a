"""What a picture looks like in numbers, small enough to be reckoned with in plain Python."""

import math
from collections.abc import Sequence

import pyvips

LEVELS = 256
THUMBNAIL_PIXELS = 512
CENTRE_PIXELS = 1_024
LUMA = pyvips.Image.new_from_array([[0.299, 0.587, 0.114]])


def thumbnail(picture: pyvips.Image) -> pyvips.Image:
    """A small copy in memory, for what noise and detail have no part in."""
    small = picture.thumbnail_image(THUMBNAIL_PIXELS, height=THUMBNAIL_PIXELS, size="down")
    return small.copy_memory()


def centre(picture: pyvips.Image) -> pyvips.Image:
    """Its middle at full scale, for what a thumbnail does not show."""
    width, height = min(picture.width, CENTRE_PIXELS), min(picture.height, CENTRE_PIXELS)
    return picture.crop((picture.width - width) // 2, (picture.height - height) // 2, width, height)


def contrast(small: pyvips.Image) -> float:
    """The standard deviation of its values."""
    return math.sqrt(max(0.0, float((small * small).avg()) - float(small.avg()) ** 2))


def brightness(picture: pyvips.Image) -> pyvips.Image:
    """One band of floating-point numbers, of 0..255 (Rec. 601)."""
    return picture.recomb(LUMA) if picture.bands == 3 else picture.cast("float")


def counts(band: pyvips.Image) -> Sequence[int]:
    """How many pixels of a band of whole numbers have each value from 0 up."""
    return memoryview(bytes(band.hist_find().write_to_memory())).cast("I").tolist()


def value_at(share: float, histogram: Sequence[int]) -> int:
    """The value that this share of the pixels does not exceed."""
    wanted, seen = share * sum(histogram), 0
    for value, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return value
    return len(histogram) - 1


def value_of_rank(share: float, values: list[float]) -> float:
    """The value below which this share of them lies; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def ramp(value: float, start: float, end: float) -> float:
    """0 up to `start`, 1 from `end` on, and smoothly between; `end` may lie below `start`."""
    way = min(1.0, max(0.0, (value - start) / (end - start)))
    return way * way * (3 - 2 * way)
