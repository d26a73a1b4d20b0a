"""The drawn pictures are repeatable, sized like photographs, and what their formats promise."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from client.pictures import draw, stamp


def pixels(encoded: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(encoded)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"), dtype=int)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "gif"])
def test_a_seed_draws_the_same_picture_every_time_in_each_format(format: str) -> None:
    first = draw(7, 120, 80, format)
    with Image.open(io.BytesIO(first)) as picture:
        assert (picture.format, picture.size) == (format.upper(), (120, 80))
        picture.load()
    assert draw(7, 120, 80, format) == first
    assert draw(8, 120, 80, format) != first


def test_a_jpeg_of_two_megapixels_is_as_large_as_a_photograph() -> None:
    assert 300_000 < len(draw(3, 1632, 1224)) < 550_000


def test_quality_changes_the_size_of_a_jpeg() -> None:
    assert len(draw(3, 400, 300, quality=50)) < 0.6 * len(draw(3, 400, 300, quality=90))


def test_a_picture_has_dark_and_light_parts_and_hard_edges() -> None:
    grey = pixels(draw(5, 400, 300, "png")).mean(axis=2)
    assert np.ptp(np.percentile(grey, [2, 98])) > 100
    assert np.percentile(np.abs(np.diff(grey, axis=0)), 99.5) > 20


@pytest.mark.parametrize("orientation", range(2, 9))
def test_each_orientation_shows_the_same_upright_picture(orientation: int) -> None:
    turned = draw(4, 96, 64, "png", orientation=orientation)
    with Image.open(io.BytesIO(turned)) as picture:
        assert picture.getexif()[0x0112] == orientation
        assert picture.size == ((64, 96) if orientation >= 5 else (96, 64))
        assert not np.array_equal(np.asarray(picture.resize((96, 64))), pixels(draw(4, 96, 64, "png")))
    assert np.array_equal(pixels(turned), pixels(draw(4, 96, 64, "png")))


def test_a_jpeg_carries_its_orientation_too() -> None:
    with Image.open(io.BytesIO(draw(4, 96, 64, orientation=6))) as picture:
        assert (picture.getexif()[0x0112], picture.size) == (6, (64, 96))


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_transparent_picture_has_a_clear_sky_over_solid_ground(format: str) -> None:
    with Image.open(io.BytesIO(draw(2, 90, 60, format, transparent=True))) as picture:
        assert picture.mode == "RGBA"
        assert picture.getchannel("A").getpixel((45, 0)) == 0
        assert picture.getchannel("A").getpixel((45, 59)) == 255


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_stamp_makes_another_file_of_the_same_pixels(format: str) -> None:
    plain = draw(1, 64, 48, format)
    stamped = {stamp(plain, f"variant {number}") for number in range(3)}
    assert len(stamped | {plain}) == 4
    for each in stamped:
        assert np.array_equal(pixels(each), pixels(plain))


def test_a_stamp_is_readable_by_others() -> None:
    with Image.open(io.BytesIO(stamp(draw(1, 64, 48), "variant 5"))) as jpeg:
        assert jpeg.info["comment"] == b"variant 5"
    with Image.open(io.BytesIO(stamp(draw(1, 64, 48, "png"), "variant 5"))) as png:
        assert png.info["Comment"] == "variant 5"


@pytest.mark.parametrize(
    ("width", "height", "format", "orientation"),
    [(0, 5, "jpeg", 1), (5, 50_000, "jpeg", 1), (5, 5, "tiff", 1), (5, 5, "jpeg", 9)],
)
def test_what_cannot_be_drawn_is_refused(width: int, height: int, format: str, orientation: int) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        draw(1, width, height, format, orientation=orientation)


def test_only_jpeg_and_png_take_a_stamp_and_only_a_short_one() -> None:
    with pytest.raises(ValueError, match="only jpeg and png"):
        stamp(draw(1, 8, 8, "gif"), "x")
    with pytest.raises(ValueError, match="at most"):
        stamp(draw(1, 8, 8), "x" * 1_001)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 40), (40, 1), (3, 2)])
def test_tiny_pictures_can_be_drawn(width: int, height: int) -> None:
    assert pixels(draw(1, width, height, "png")).shape == (height, width, 3)
