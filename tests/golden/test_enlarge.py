"""Enlarging is Lanczos, to the exact size, and nothing moves."""

import numpy as np
import pytest
import pyvips
from PIL import Image

from client.pictures import paint
from services.enhancer.engines.enlarge import resized
from tests.golden.pictures import decibels, pixels


@pytest.mark.parametrize("size", [(192, 128), (200, 133), (96, 65), (1_000, 667), (96, 64)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_enlarging_is_what_another_librarys_lanczos_does(size: tuple[int, int], mode: str) -> None:
    small = paint(3, 96, 64).convert(mode)
    source = pyvips.Image.new_from_array(np.asarray(small))
    seen = Image.fromarray(resized(source, *size).numpy().squeeze())
    assert seen.size == size
    wanted = small.resize(size, Image.Resampling.LANCZOS)
    assert decibels(pixels(seen, mode), pixels(wanted, mode)) > 38


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
@pytest.mark.parametrize("factor", [1, 2, 9, 700])
def test_tiny_pictures_are_enlarged_a_lot(size: tuple[int, int], factor: int) -> None:
    source = pyvips.Image.new_from_array(np.full((size[1], size[0], 3), 77, dtype=np.uint8))
    seen = resized(source, size[0] * factor, size[1] * factor)
    assert (seen.width, seen.height) == (size[0] * factor, size[1] * factor)
    assert (seen.min(), seen.max()) == (77, 77)
