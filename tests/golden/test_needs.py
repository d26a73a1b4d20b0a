"""What pictures are measured to need: nothing when they are good, and about as much as was done to them."""

import io

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageFilter

from benchmarks.degradations import spoiled
from benchmarks.drawings import DRAWINGS
from services.enhancer.engines.balance import balanced
from services.enhancer.engines.jpeg import coarseness
from services.enhancer.engines.levels import levelled
from services.enhancer.engines.local_contrast import flatness_of
from services.enhancer.engines.measure import thumbnail
from services.enhancer.engines.noise import Noise, coding_noise, noise_of
from services.enhancer.engines.sharpness import BLUR_START, blur_of
from tests.golden.pictures import file_of


def seen(picture: Image.Image) -> pyvips.Image:
    return pyvips.Image.new_from_array(np.asarray(picture))


def with_defect(name: str, degradation: str) -> pyvips.Image:
    return seen(Image.open(io.BytesIO(spoiled(DRAWINGS[name](), degradation))))


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_good_picture_needs_nothing(name: str) -> None:
    picture = seen(DRAWINGS[name]())
    small = thumbnail(picture)
    assert balanced(small) is None
    assert levelled(small) is None
    assert flatness_of(small) < 0.05
    assert noise_of(picture) == Noise(0, 0)
    assert blur_of(picture) < BLUR_START


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_picture_that_lacks_light_or_contrast_needs_levels_only(name: str) -> None:
    for degradation in ("too little light", "low contrast"):
        picture = with_defect(name, degradation)
        assert levelled(thumbnail(picture)) is not None
        assert blur_of(picture) < BLUR_START


@pytest.mark.parametrize("name", ["portrait", "letter", "still_life"])
@pytest.mark.parametrize("degradation", ["colour cast, warm", "colour cast, cold"])
def test_the_colour_of_the_light_is_found_where_something_is_white(name: str, degradation: str) -> None:
    assert balanced(thumbnail(with_defect(name, degradation))) is not None


def test_a_picture_of_one_colour_keeps_it() -> None:
    small = seen(Image.new("RGB", (64, 64), (220, 150, 90)))
    assert balanced(small) is None
    assert levelled(small) is None


def test_a_night_with_a_few_lamps_stays_dark() -> None:
    night = np.asarray(DRAWINGS["street"]()) // 4
    assert levelled(thumbnail(seen(Image.fromarray(night)))) is not None
    night[100:110, 100:130] = 255
    assert levelled(thumbnail(seen(Image.fromarray(night)))) is None


@pytest.mark.parametrize("deviation", [8, 12, 20])
def test_noise_is_measured_in_levels(deviation: int) -> None:
    noise = np.random.default_rng(1).normal(128, deviation, (256, 256)).clip(0, 255).astype(np.uint8)
    assert noise_of(seen(Image.fromarray(noise))).brightness == pytest.approx(deviation, rel=0.15)


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("radius", [1.5, 2.5])
def test_blur_is_measured_in_pixels(name: str, radius: float) -> None:
    blurred = DRAWINGS[name]().filter(ImageFilter.GaussianBlur(radius))
    assert blur_of(seen(blurred)) == pytest.approx(radius, rel=0.45)


@pytest.mark.parametrize(("quality", "steps"), [(100, 1), (90, 2.6), (75, 6.6), (40, 16.6)])
def test_the_coarseness_of_a_jpeg_is_read_from_its_table(quality: int, steps: float) -> None:
    content = file_of(Image.new("L", (16, 16)), quality=quality)
    assert coarseness(content) == pytest.approx(steps, abs=0.5)
    assert (coding_noise(coarseness(content)).brightness > 0) == (quality < 75)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xdb", b"\xff\xd8\xff\xdb\x00\x02", b"\xff\xd8\xff\xd9"]
)
def test_a_jpeg_without_a_table_is_not_coarse(content: bytes) -> None:
    assert coarseness(content) == 0
