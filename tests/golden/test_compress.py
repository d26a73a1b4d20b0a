"""compress, looked at with another library than the one that made the pictures."""

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps

from tests.golden.pictures import (
    CORNERS,
    RED,
    Pixels,
    corner_colours,
    corners,
    far_from,
    file_of,
    opened,
    photograph,
    pixels,
)

Compress = Callable[..., bytes]
OF_THE_FORMAT = {
    *("jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"),
    *("loop", "background", "timestamp", "duration"),
}
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


def decibels(one: Pixels, other: Pixels) -> float:
    """Peak signal to noise: 30 is a fair likeness, 40 a close one."""
    error = float(((one - other).astype(float) ** 2).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


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


def test_sixteen_bits_are_scaled_to_eight(compressed: Compress) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 256).astype(np.uint16), (32, 1))
    seen = pixels(compressed(file_of(Image.fromarray(ramp), "PNG"), quality=95), "L")
    assert np.abs(seen[16] - np.arange(256)).max() <= 4


def test_sixteen_bits_of_colour_are_scaled_to_eight(compressed: Compress) -> None:
    deep = pyvips.Image.new_from_array(np.asarray(corners()).astype(np.uint16) * 257, interpretation="rgb16")
    for source in (deep.pngsave_buffer(), deep.tiffsave_buffer()):
        assert far_from(corner_colours(compressed(source, quality=90)), CORNERS) <= 8


def inks() -> Image.Image:
    """Cyan, magenta, yellow and black inks, clockwise from the top left."""
    picture = Image.new("CMYK", (96, 64), (0, 0, 0, 0))
    for ink, at in enumerate(((0, 0, 48, 32), (48, 0, 96, 32), (48, 32, 96, 64), (0, 32, 48, 64))):
        picture.paste(tuple(255 if band == ink else 0 for band in range(4)), at)
    return picture


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
@pytest.mark.parametrize("max_side", [None, 48])
def test_cmyk_becomes_the_colours_of_its_inks(format: str, max_side: int | None, compressed: Compress) -> None:
    source = file_of(inks(), format, **({"quality": 95} if format == "JPEG" else {}))
    assert format == "TIFF" or b"Adobe" in source[:200]  # Pillow writes JPEG as Adobe does: inverted
    data = compressed(source, max_side=max_side)
    assert opened(data).mode == "RGB"
    cyan, magenta, yellow, black = corner_colours(data)
    assert cyan[0] < 60 < 140 < min(cyan[1:])
    assert magenta[1] < 60 < 140 < magenta[0]
    assert yellow[2] < 60 < 200 < min(yellow[:2])
    assert max(black) < 60


def in_profile(profile: str, mode: str = "RGB") -> tuple[Image.Image, bytes]:
    """The corners as stored in a profile that libvips knows, and the profile."""
    stored = pyvips.Image.new_from_array(np.asarray(corners()), interpretation="srgb")
    stored = stored.icc_transform(profile, input_profile="srgb")
    return Image.fromarray(stored.numpy(), mode), stored.get("icc-profile-data")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("max_side", [None, 48])
def test_a_wide_gamut_profile_is_converted(format: str, max_side: int | None, compressed: Compress) -> None:
    stored, profile = in_profile("p3")
    assert far_from(corner_colours(file_of(stored, "PNG")), CORNERS) > 15
    options = {"PNG": {}, "TIFF": {}}.get(format, {"quality": 95})
    data = compressed(file_of(stored, format, icc_profile=profile, **options), quality=90, max_side=max_side)
    assert far_from(corner_colours(data), CORNERS) <= 8
    assert "icc_profile" not in opened(data).info


def test_a_cmyk_profile_is_obeyed(compressed: Compress) -> None:
    stored, profile = in_profile("cmyk", "CMYK")
    data = compressed(file_of(stored, quality=95, icc_profile=profile), quality=90)
    srgb = ImageCms.createProfile("sRGB")
    relative = ImageCms.Intent.RELATIVE_COLORIMETRIC
    wanted = ImageCms.profileToProfile(stored, io.BytesIO(profile), srgb, relative, "RGB")
    assert wanted is not None
    assert far_from(corner_colours(data), tuple(corner_colours(file_of(wanted, "PNG")))) <= 8


def test_an_srgb_profile_changes_no_pixel(compressed: Compress) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = photograph(100, 80)
    assert compressed(file_of(source, quality=95, icc_profile=profile)) == compressed(file_of(source, quality=95))


@pytest.mark.parametrize("profile", [b"no profile at all", in_profile("cmyk", "CMYK")[1], b"\0" * 200])
def test_a_profile_that_makes_no_sense_is_ignored(profile: bytes, compressed: Compress) -> None:
    data = compressed(file_of(corners(), quality=95, icc_profile=profile), quality=90)
    assert far_from(corner_colours(data), CORNERS) <= 8
    assert "icc_profile" not in opened(data).info


def test_grey_with_a_profile_stays_neutral(compressed: Compress) -> None:
    grey = pyvips.Image.new_from_array(np.tile(np.arange(256, dtype=np.uint8), (16, 1)), interpretation="b-w")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = file_of(Image.fromarray(grey.numpy()), "PNG", icc_profile=profile)
    seen = pixels(compressed(source, format="png"))
    assert np.abs(seen[..., 0] - seen[..., 1]).max() <= 1


def with_metadata(format: str, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825)[29] = "SECRETGPS"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">SECRETXMP</x:xmpmeta>'
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return file_of(photograph(160, 120), format, exif=exif, icc_profile=profile, xmp=xmp, **options)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("max_side", [None, 80])
def test_no_metadata_leaves(format: str, source: str, max_side: int | None, compressed: Compress) -> None:
    options = {"comment": b"SECRETCOMMENT"} if source == "JPEG" else {}
    stored = with_metadata(source, **options)
    assert b"SECRETMAKER" in stored
    data = compressed(stored, format=format, max_side=max_side)
    for trace in (b"SECRET", b"Exif", b"EXIF", b"eXIf", b"xmpmeta", b"ICC", b"iCCP", b"tEXt", b"iTXt"):
        assert trace not in data
    assert set(opened(data).info) <= OF_THE_FORMAT


@pytest.mark.parametrize("quality", [5, 20, 45])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_that_would_grow_is_copied_to_the_bit_without_its_metadata(
    quality: int, options: dict[str, Any], compressed: Compress
) -> None:
    source = with_metadata("JPEG", quality=quality, comment=b"SECRET", **options)
    data = compressed(source, quality=95)
    assert len(data) < len(source)
    assert (pixels(data) == pixels(source)).all()
    assert b"SECRET" not in data
    assert "icc_profile" not in opened(data).info


def test_trailing_data_is_not_copied(compressed: Compress) -> None:
    source = file_of(photograph(64, 64), quality=10)
    assert compressed(source + b"SECRET" * 100, quality=100)[-2:] in (b"\xff\xd9",)
    assert b"SECRET" not in compressed(source + b"SECRET" * 10_000 + b"\xff\xd9", quality=50)


@pytest.mark.parametrize(
    ("change", "size"),
    [(change, size) for change in ("turned", "profile") for size in ((160, 120), (8, 8), (1, 1))]
    + [("cmyk", (160, 120))],
)
@pytest.mark.parametrize("quality", [1, 10, 30])
def test_a_jpeg_never_becomes_a_bigger_one_even_when_its_pixels_must_change(
    change: str, size: tuple[int, int], quality: int, compressed: Compress
) -> None:
    picture, options = photograph(*size), {}
    if change == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {"exif": exif}
    elif change == "profile":
        options = {"icc_profile": in_profile("p3")[1]}
    else:
        picture = picture.convert("CMYK")
    source = file_of(picture, quality=quality, optimize=True, **options)
    assert len(compressed(source, quality=95)) <= len(source)


def test_a_picture_that_is_already_turned_upright_matches_pillows_view(compressed: Compress) -> None:
    source = turned(7, quality=95)
    wanted = pixels(ImageOps.exif_transpose(opened(source)))
    assert decibels(pixels(compressed(source, quality=90)), wanted) > 35
