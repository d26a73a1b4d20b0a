"""compress, looked at with another library than the one that made the pictures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.golden.pictures import (
    CORNERS,
    RED,
    corner_colours,
    corners,
    decibels,
    far_from,
    file_of,
    opened,
    photograph,
    pixels,
)

Compress = Callable[..., bytes]
UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(orientation: int, format: str = "JPEG", **options: Any) -> bytes:
    """The upright corners picture, stored turned, with the orientation that says so."""
    picture = corners()
    stored = picture.transpose(UNDO[orientation]) if orientation in UNDO else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    return file_of(stored, format, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("params", [{}, {"max_side": 48}, {"format": "png"}])
def test_every_orientation_comes_out_upright(orientation: int, params: dict[str, Any], compressed: Compress) -> None:
    data = compressed(turned(orientation, quality=95), **params)
    assert opened(data).size == ((48, 32) if "max_side" in params else (96, 64))
    assert far_from(corner_colours(data), CORNERS) <= 6
    assert not opened(data).getexif()


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_orientation_counts_in_other_formats_too(format: str, compressed: Compress) -> None:
    data = compressed(turned(6, format))
    assert opened(data).size == (96, 64)
    assert far_from(corner_colours(data), CORNERS) <= 12


def test_a_photograph_keeps_its_size_and_likeness_in_fewer_bytes(compressed: Compress) -> None:
    source = file_of(photograph(), quality=92)
    data = compressed(source)
    assert opened(data).format == "JPEG"
    assert opened(data).size == (640, 480)
    assert len(data) < len(source) / 2
    assert decibels(pixels(data), pixels(source)) > 30


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_the_output_format_is_the_one_asked_for(format: str, compressed: Compress) -> None:
    data = compressed(file_of(photograph(60, 40)), format=format, quality=90)
    assert opened(data).format == format.upper()
    assert decibels(pixels(data), pixels(photograph(60, 40))) > 28


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
@pytest.mark.parametrize("max_side", [None, 48])
def test_every_accepted_format_is_read(format: str, max_side: int | None, compressed: Compress) -> None:
    data = compressed(file_of(corners(), format), quality=90, max_side=max_side)
    assert opened(data).size == ((96, 64) if max_side is None else (48, 32))
    assert far_from(corner_colours(data), CORNERS) <= 14


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_every_mode_of_pixels_is_read(mode: str, format: str, compressed: Compress) -> None:
    source = corners().convert(mode)
    assert decibels(pixels(compressed(file_of(source, format), format="png")), pixels(source)) > 45


def test_grey_stays_grey(compressed: Compress) -> None:
    source = Image.linear_gradient("L")
    data = compressed(file_of(source, quality=95))
    assert opened(data).mode == "L"
    assert decibels(pixels(data, "L"), pixels(source, "L")) > 38


def test_progressive_jpeg_is_read(compressed: Compress) -> None:
    source = file_of(photograph(), quality=92, progressive=True)
    assert decibels(pixels(compressed(source)), pixels(source)) > 30


@pytest.mark.parametrize("size", [(1, 1), (10_000, 10), (10, 10_000), (3, 5)])
@pytest.mark.parametrize("max_side", [None, 1_000, 1])
def test_extreme_shapes_survive(size: tuple[int, int], max_side: int | None, compressed: Compress) -> None:
    data = compressed(file_of(Image.new("RGB", size, RED), "PNG"), max_side=max_side)
    longest = max(size) if max_side is None else min(max_side, max(size))
    assert opened(data).size == tuple(max(1, round(side * longest / max(size))) for side in size)
    assert far_from(corner_colours(data)[:1], (RED,)) <= 4


@pytest.mark.parametrize("max_side", [100, 150, 300, 333, 639])
def test_scaling_is_close_to_a_good_filter_on_the_full_picture(max_side: int, compressed: Compress) -> None:
    source = file_of(photograph(), quality=95)
    data = compressed(source, max_side=max_side, format="png")
    reference = opened(source).resize(opened(data).size, Image.Resampling.LANCZOS)
    assert max(opened(data).size) == max_side
    assert decibels(pixels(data), pixels(reference)) > 30


def test_max_side_never_enlarges(compressed: Compress) -> None:
    assert opened(compressed(file_of(corners()), max_side=5_000)).size == (96, 64)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_white_in_jpeg(mode: str, format: str, compressed: Compress) -> None:
    picture = corners().convert(mode)
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 48, 64))
    picture.putalpha(alpha)
    data = compressed(file_of(picture, format, **({"lossless": True, "exact": True} if format == "WEBP" else {})))
    seen = pixels(data)
    assert seen[32, 12].min() >= 250
    assert np.abs(seen[16, 72] - pixels(corners().convert(mode[:-1]))[16, 72]).max() <= 12


def test_half_transparency_is_mixed_with_white(compressed: Compress) -> None:
    seen = pixels(compressed(file_of(Image.new("RGBA", (32, 32), (0, 0, 0, 128)), "PNG"), quality=95))
    assert np.abs(seen - 127).max() <= 3


@pytest.mark.parametrize("format", ["png", "webp"])
@pytest.mark.parametrize("max_side", [None, 48])
def test_transparency_is_kept_where_the_format_can(format: str, max_side: int | None, compressed: Compress) -> None:
    picture = corners().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    seen = opened(compressed(file_of(picture, "PNG"), format=format, max_side=max_side))
    wanted = picture if max_side is None else picture.resize((48, 32), Image.Resampling.LANCZOS)
    assert decibels(pixels(seen.getchannel("A"), "L"), pixels(wanted.getchannel("A"), "L")) > 35


def test_a_palette_with_transparency_is_read(compressed: Compress) -> None:
    picture = corners().quantize(8)
    background = picture.getpixel((10, 10))
    data = compressed(file_of(picture, "GIF", transparency=background))
    assert pixels(data)[16, 24].min() >= 250
    assert far_from(corner_colours(data)[1:], CORNERS[1:]) <= 12


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_frame_is_taken(format: str, compressed: Compress) -> None:
    others = [Image.new("RGB", (96, 64), (n * 40, 0, 0)) for n in range(3)]
    options = {"quality": 95} if format in ("WEBP", "AVIF") else {}
    data = compressed(file_of(corners(), format, save_all=True, append_images=others, **options))
    assert opened(data).size == (96, 64)
    assert far_from(corner_colours(data), CORNERS) <= 14


def test_a_picture_that_is_already_turned_upright_matches_pillows_view(compressed: Compress) -> None:
    source = turned(7, quality=95)
    wanted = pixels(ImageOps.exif_transpose(opened(source)))
    assert decibels(pixels(compressed(source, quality=90)), wanted) > 35
