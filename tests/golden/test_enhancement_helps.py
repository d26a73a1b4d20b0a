"""A spoiled picture comes out nearer to what it was than a plain resize or an automatic contrast gets it.

The benchmark in small: two drawn pictures, every degradation. What each step does is seen by its own degradation.
"""

from functools import cache

import pytest
from PIL import Image

from benchmarks.degradations import DEGRADATIONS, GOOD
from benchmarks.drawings import DRAWINGS
from benchmarks.enhancement import verdict
from benchmarks.repairs import Comparison, compare

PICTURES = ("foliage", "portrait")
SIZE = (320, 240)


@cache
def drawn(name: str) -> Image.Image:
    return DRAWINGS[name]().resize(SIZE, Image.Resampling.LANCZOS)


@cache
def comparisons(degradation: str) -> dict[str, Comparison]:
    return {name: compare(drawn(name), degradation) for name in PICTURES}


@pytest.mark.parametrize("degradation", DEGRADATIONS)
def test_what_is_spoiled_gets_better(degradation: str) -> None:
    found = comparisons(degradation)
    assert verdict(degradation, found), found


@pytest.mark.parametrize(
    ("degradation", "ssim_gain", "difference_left"),
    [
        ("too little light", 0.1, 0.4),
        ("colour cast, warm", 0.01, 0.7),
        ("low contrast", 0.1, 0.5),
        ("flat light", 0.02, 0.95),
        ("noise", 0.2, 0.5),
        ("blur", 0.02, 0.98),
        ("JPEG quality 40", 0.005, 0.99),
    ],
)
def test_each_step_repairs_much_of_what_it_is_for(degradation: str, ssim_gain: float, difference_left: float) -> None:
    found = comparisons(degradation).values()
    assert sum(each.enhanced.ssim - each.plain.ssim for each in found) / len(PICTURES) > ssim_gain
    enhanced, plain = (sum(getattr(each, name).colour_difference for each in found) for name in ("enhanced", "plain"))
    assert enhanced < difference_left * plain


@pytest.mark.parametrize("name", DRAWINGS)
def test_what_is_good_stays_good(name: str) -> None:
    assert verdict(GOOD, {name: compare(drawn(name), GOOD)})
