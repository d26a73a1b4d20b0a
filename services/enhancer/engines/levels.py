"""Levels: a veil over the picture is taken off, and light that it lacks is given."""

import pyvips

from services.enhancer.engines.light import Curve, light_of, lit, table
from services.enhancer.engines.measure import LEVELS, counts, ramp, value_at

DARK_SHARE, BRIGHT_SHARE = 0.003, 0.995
BLACK, WHITE = 0.02, 0.98  # where dark and bright belong, of 0..1
VEIL_START, VEIL_SURE = 0.10, 0.18
DULL_START, DULL_SURE = 0.74, 0.62
PEAK_SHARE, PEAK_START, PEAK_SURE = 0.9995, 0.92, 0.78  # lamps and stars at full light: the rest is meant to be dark
GAIN_MAX = 6.0
SPREAD_MIN = 0.08  # of the values of some colour: less is a plain area, which lacks nothing


def levelled(small: pyvips.Image) -> pyvips.Image | None:
    """A look-up table that puts dark and bright where they belong, or None when they are; `small` is a thumbnail."""
    ends = [_ends(band) for band in small.bandsplit()]
    if max(high - low for low, high in ends) < SPREAD_MIN:
        return None
    dark, bright = min(low for low, _high in ends), max(high for _low, high in ends)
    veil = ramp(dark, VEIL_START, VEIL_SURE)
    peak = max(value_at(PEAK_SHARE, counts(band)) for band in small.bandsplit()) / (LEVELS - 1)
    dull = ramp(bright, DULL_START, DULL_SURE) * ramp(peak, PEAK_START, PEAK_SURE)
    if veil == 0 and dull == 0:
        return None
    return table([_curve(dark, bright, veil, dull)] * small.bands)


def _curve(dark: float, bright: float, veil: float, dull: float) -> Curve:
    low = dark - veil * (dark - BLACK)
    high = bright + max(veil, dull) * (WHITE - bright)
    brighter = lit(min(GAIN_MAX, light_of(high) / light_of(bright)))

    def curve(value: float) -> float:
        stretched = low + (value - dark) * (high - low) / (bright - dark)
        return veil * stretched + (1 - veil) * brighter(value)

    return curve


def _ends(band: pyvips.Image) -> tuple[float, float]:
    """The darkest and brightest values of a band, of 0..1, but for a few pixels."""
    histogram = counts(band)
    return value_at(DARK_SHARE, histogram) / (LEVELS - 1), value_at(BRIGHT_SHARE, histogram) / (LEVELS - 1)
