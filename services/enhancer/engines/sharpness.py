"""Sharpness: how wide the sharpest edges are, and an unsharp mask against that.

An edge that is blurred once more loses the less, the wider it was (Zhuo and Sim 2011): the ratio of the strongest
slopes before and after tells the radius, and says nothing of parts that were never in focus.
"""

import math

import pyvips

from services.enhancer.engines.measure import brightness, centre, counts, ramp, value_at

ACROSS, DOWN = pyvips.Image.new_from_list([[-1, 0, 1]]), pyvips.Image.new_from_list([[-1], [0], [1]])
PROBE_PIXELS = 1.0
STRONG_SHARE = 0.995
SLOPE_MIN = 12  # levels over two pixels: less is no edge
BLUR_START, BLUR_SURE, BLUR_MAX = 0.9, 1.4, 3.0  # pixels
BLUR_AMOUNT = 1.3
ENLARGED_AMOUNT, ENLARGED_PIXELS, ENLARGED_PIXELS_MAX = 0.3, 0.4, 1.5
TAIL = 0.05  # where the Gaussians are cut off


def blur_of(picture: pyvips.Image) -> float:
    """The radius (standard deviation, in pixels) of the sharpest edges in the middle of 8-bit `picture`, or 0."""
    bright = brightness(centre(picture))
    slopes, softer = _slopes(bright), _slopes(bright.gaussblur(PROBE_PIXELS, precision="float", min_ampl=TAIL))
    strong = value_at(STRONG_SHARE, counts(slopes.cast("ushort")))
    if strong < SLOPE_MIN:
        return 0.0
    edges = (slopes >= strong) / 255
    ratio = (slopes * edges).avg() / max((softer * edges).avg(), 1e-6)
    return PROBE_PIXELS / math.sqrt(ratio * ratio - 1) if ratio > 1 else 0.0


def unblurred(picture: pyvips.Image, blur: float) -> pyvips.Image:
    """Sharpen edges that are wider than a good lens makes them."""
    need = ramp(blur, BLUR_START, BLUR_SURE)
    return _unsharp(picture, min(blur, BLUR_MAX), need * BLUR_AMOUNT) if need else picture


def crisp(picture: pyvips.Image, factor: float) -> pyvips.Image:
    """Give an enlarged picture back some of the crispness that being `factor` times larger costs."""
    need = ramp(factor, 1.0, 2.0)
    radius = min(ENLARGED_PIXELS_MAX, ENLARGED_PIXELS * factor)
    return _unsharp(picture, radius, need * ENLARGED_AMOUNT) if need else picture


def _unsharp(picture: pyvips.Image, radius: float, amount: float) -> pyvips.Image:
    """Of the brightness alone: colours get no seams."""
    bright = brightness(picture)
    lacking = (bright - bright.gaussblur(radius, precision="float", min_ampl=TAIL)) * amount
    return (picture + lacking).rint().cast("uchar").copy(interpretation=picture.interpretation)


def _slopes(bright: pyvips.Image) -> pyvips.Image:
    across, down = bright.conv(ACROSS, precision="float"), bright.conv(DOWN, precision="float")
    return (across * across + down * down) ** 0.5
