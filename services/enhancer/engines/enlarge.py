"""Enlarging with Lanczos, which libvips has for reducing only.

A side is doubled until it is long enough, then reduced to the exact length. Doubling makes two pixels of each one, a
quarter before and a quarter behind it: two small convolutions, interleaved by reading their bytes as another shape.
"""

import math

import pyvips

LOBES = 3
BEFORE, BEHIND = -0.25, 0.25


def resized(picture: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """Return 8-bit `picture` at exactly this size, which is not smaller than it."""
    while picture.width < width:
        picture = _twice_as_wide(picture)
    picture = _reduced(picture, width, picture.height)
    while picture.height < height:
        picture = _twice_as_high(picture)
    return _reduced(picture, width, height)


def _reduced(picture: pyvips.Image, width: int, height: int) -> pyvips.Image:
    if (picture.width, picture.height) == (width, height):
        return picture
    return picture.thumbnail_image(width, height=height, size="force")


def _twice_as_wide(picture: pyvips.Image) -> pyvips.Image:
    """Pixels side by side: as bands of one picture they lie in this order."""
    before, behind = (_mixed(picture, _weights(offset)) for offset in (BEFORE, BEHIND))
    return _read_as(before.bandjoin(behind), picture, 2 * picture.width, picture.height)


def _twice_as_high(picture: pyvips.Image) -> pyvips.Image:
    """Rows one below the other: as halves of longer rows they lie in this order."""
    above, below = (_mixed(picture, _weights(offset).rot90()) for offset in (BEFORE, BEHIND))
    return _read_as(above.join(below, "horizontal"), picture, picture.width, 2 * picture.height)


def _mixed(picture: pyvips.Image, weights: pyvips.Image) -> pyvips.Image:
    """Convolve; libvips' faster integer convolution would round flat areas to other values."""
    return picture.conv(weights, precision="float").rint().cast("uchar")


def _read_as(interleaved: pyvips.Image, like: pyvips.Image, width: int, height: int) -> pyvips.Image:
    memory = interleaved.write_to_memory()
    read = pyvips.Image.new_from_memory(memory, width, height, like.bands, "uchar")
    return read.copy(interpretation=like.interpretation)


def _weights(offset: float) -> pyvips.Image:
    """How much each of seven neighbours in a row counts for a place that lies `offset` pixels to the right."""
    weights = [_lanczos(neighbour - offset) for neighbour in range(-LOBES, LOBES + 1)]
    return pyvips.Image.new_from_list([weights], scale=sum(weights))


def _lanczos(x: float) -> float:
    if abs(x) >= LOBES:
        return 0.0
    return LOBES * math.sin(math.pi * x) * math.sin(math.pi * x / LOBES) / (math.pi * x) ** 2
