"""Values of sRGB and the amounts of light that they stand for (IEC 61966-2-1), both of 0..1."""

from collections.abc import Callable

import pyvips

from services.enhancer.engines.measure import LEVELS

Curve = Callable[[float], float]


def light_of(value: float) -> float:
    """The light that a value shows."""
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def value_of(light: float) -> float:
    """The value that shows this light."""
    return light * 12.92 if light <= 0.0031308 else float(1.055 * light ** (1 / 2.4) - 0.055)


def lit(gain: float) -> Curve:
    """Values as they would be in `gain` times the light."""
    return lambda value: value_of(light_of(value) * gain)


def table(curves: list[Curve]) -> pyvips.Image:
    """A look-up table for 8-bit bands, one curve for each."""
    rows = bytes(
        min(LEVELS - 1, max(0, round((LEVELS - 1) * curve(value / (LEVELS - 1)))))
        for value in range(LEVELS)
        for curve in curves
    )
    return pyvips.Image.new_from_memory(rows, LEVELS, 1, len(curves), "uchar")
