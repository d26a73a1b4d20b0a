"""Whatever a source was stored in, the output shows its colours in 8-bit sRGB."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from tests.golden.pictures import (
    CORNERS,
    corner_colours,
    corners,
    far_from,
    file_of,
    in_profile,
    opened,
    photograph,
    pixels,
)

Compress = Callable[..., bytes]


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
