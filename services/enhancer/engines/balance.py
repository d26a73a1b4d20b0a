"""White balance: the colour of the light, taken out where the picture bears witness to it.

Two witnesses: the brightest value of each colour, which a white thing would have (max-RGB), and the strongest edges,
whose colours are those of highlights and of light and shade (grey edge, van de Weijer et al. 2007). Only what both
say, and only along the line from candle light to blue sky, is taken for the light; all else is the things' own colour,
as it is where nothing would be white in the light that they tell of.
"""

import math

import pyvips

from services.enhancer.engines.light import light_of, lit, table
from services.enhancer.engines.measure import LEVELS, counts, ramp, value_at

BRIGHT_SHARE = 0.99
WHITE_SHARE, WHITE_LEVEL = 0.005, 0.85  # so much of the picture must then be white, or nearly
EDGE_NORM = 6
CALM_PIXELS = 256  # small enough that blur and coding no longer count
LEAN_MAX = 2.0  # a light that has much more red has less blue, and the other way round
CAST_START, CAST_SURE = 0.06, 0.085  # natural logarithms of ratios to green, the lesser of red and blue
LIKENESS_START, LIKENESS_SURE = 0.45, 0.6  # share of what either says that both say
DARKEST = 1e-4

Cast = tuple[float, float]


def balanced(small: pyvips.Image) -> pyvips.Image | None:
    """A look-up table that takes the light's colour out, or None; `small` is an RGB thumbnail."""
    small = small.thumbnail_image(CALM_PIXELS, height=CALM_PIXELS, size="down")
    witnesses = _of_brightest(small), _of_edges(small)
    red, blue = _agreed(*witnesses)
    sure = ramp(min(abs(red), abs(blue)), CAST_START, CAST_SURE) * ramp(
        _likeness(*witnesses), LIKENESS_START, LIKENESS_SURE
    )
    if sure == 0 or not _has_white(small):
        return None
    gains = (math.exp(-sure * red), 1.0, math.exp(-sure * blue))
    return table([lit(gain / min(gains)) for gain in gains])


def _agreed(one: Cast, other: Cast) -> Cast:
    """What both say, as far as red and blue lean to opposite sides."""
    red, blue = (_lesser(*pair) for pair in zip(one, other, strict=True))
    if red * blue >= 0:
        return 0.0, 0.0
    return (
        math.copysign(min(abs(red), LEAN_MAX * abs(blue)), red),
        math.copysign(min(abs(blue), LEAN_MAX * abs(red)), blue),
    )


def _likeness(one: Cast, other: Cast) -> float:
    """How much of what either says both say."""
    pairs = list(zip(one, other, strict=True))
    most = sum(max(abs(value) for value in pair) for pair in pairs)
    return sum(abs(_lesser(*pair)) for pair in pairs) / most if most else 0.0


def _lesser(one: float, other: float) -> float:
    return 0.0 if one * other <= 0 else min(one, other, key=abs)


def _has_white(small: pyvips.Image) -> bool:
    """Whether some pixels have nearly the brightest of all three colours."""
    shares = small * [(LEVELS - 1) / max(1, value) for value in _brightest(small)]
    least = shares[0].bandrank([shares[1], shares[2]], index=0).cast("uchar")
    return value_at(1 - WHITE_SHARE, counts(least)) >= WHITE_LEVEL * (LEVELS - 1)


def _brightest(small: pyvips.Image) -> list[int]:
    return [value_at(BRIGHT_SHARE, counts(small[band])) for band in range(3)]


def _of_brightest(small: pyvips.Image) -> Cast:
    return _cast([light_of(value / (LEVELS - 1)) for value in _brightest(small)])


def _of_edges(small: pyvips.Image) -> Cast:
    light = small.colourspace("scrgb")
    across = light.conv(pyvips.Image.new_from_list([[-1, 0, 1]]), precision="float")
    down = light.conv(pyvips.Image.new_from_list([[-1], [0], [1]]), precision="float")
    strong = (across * across + down * down) ** (EDGE_NORM / 2)
    return _cast([strong[band].avg() ** (1 / EDGE_NORM) for band in range(3)])


def _cast(amounts: list[float]) -> Cast:
    """How much redder and bluer than green, as logarithms."""
    red, green, blue = (math.log(max(amount, DARKEST)) for amount in amounts)
    return red - green, blue - green
