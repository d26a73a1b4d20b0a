"""enhance: exact sizes, right colours, nothing left of the metadata, and good pictures stay as they are."""

from collections.abc import Callable

import numpy as np
import pytest
import pyvips
from PIL import Image
from skimage.metrics import structural_similarity

from client.pictures import draw, paint
from tests.golden.pictures import CORNERS, RED, corner_colours, corners, decibels, far_from, file_of, opened, pixels

Enhance = Callable[..., bytes]
Problem = Callable[..., str]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [60, 96, 200])
def test_every_orientation_comes_out_upright(orientation: int, side: int, enhanced: Enhance) -> None:
    seen = opened(enhanced(draw(4, 96, 64, quality=95, orientation=orientation), side))
    assert seen.size == (side, round(side * 64 / 96))
    assert not seen.getexif()
    wanted = paint(4, 96, 64).resize(seen.size, Image.Resampling.LANCZOS)
    likeness = decibels(pixels(seen), pixels(wanted))
    others = [wanted.transpose(turn) for turn in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180)]
    assert likeness > 22
    assert all(decibels(pixels(seen), pixels(other)) < likeness - 4 for other in others)


@pytest.mark.parametrize(
    ("size", "side", "wanted"),
    [
        ((3000, 2000), 1024, (1024, 683)),
        ((2000, 3000), 1024, (683, 1024)),
        ((96, 64), 1024, (1024, 683)),
        ((64, 96), 1024, (683, 1024)),
        ((512, 512), 512, (512, 512)),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_the_longest_side_is_exact(
    size: tuple[int, int], side: int, wanted: tuple[int, int], format: str, enhanced: Enhance
) -> None:
    seen = opened(enhanced(file_of(corners(*size), format), side))
    assert (seen.format, seen.size) == ("JPEG", wanted)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (7, 7), (8, 1), (17, 9), (10_000, 1), (1, 10_000)])
@pytest.mark.parametrize("side", [1, 7, 1_000])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_tiny_and_extreme_pictures_keep_their_colour(
    size: tuple[int, int], side: int, mode: str, enhanced: Enhance
) -> None:
    data = enhanced(file_of(Image.new("RGB", size, RED).convert(mode), "PNG"), side)
    scale = side / max(size)
    assert opened(data).size == (max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5)))
    wanted = pixels(Image.new("RGB", (1, 1), RED).convert(mode))[0, 0]
    assert np.abs(pixels(data) - wanted).max() <= 4


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
def test_every_accepted_format_is_read(format: str, enhanced: Enhance) -> None:
    data = enhanced(file_of(corners(), format), 48)
    assert opened(data).size == (48, 32)
    assert far_from(corner_colours(data), CORNERS) <= 24


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_every_mode_of_pixels_is_read(mode: str, enhanced: Enhance) -> None:
    source = paint(18, 192, 128).convert(mode)
    seen, wanted = (each.convert("RGB").reduce(4) for each in (opened(enhanced(file_of(source, "PNG"), 192)), source))
    assert decibels(pixels(seen), pixels(wanted)) > 24  # of a dithered picture only the dots are lost


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
def test_cmyk_becomes_the_colours_of_its_inks(format: str, enhanced: Enhance) -> None:
    picture = Image.new("CMYK", (96, 64), (0, 0, 0, 0))
    for ink, at in enumerate(((0, 0, 48, 32), (48, 0, 96, 32), (48, 32, 96, 64), (0, 32, 48, 64))):
        picture.paste(tuple(255 if band == ink else 0 for band in range(4)), at)
    source = file_of(picture, format, **({"quality": 95} if format == "JPEG" else {}))
    assert format == "TIFF" or b"Adobe" in source[:200]  # stored inverted
    for side in (48, 96, 150):
        data = enhanced(source, side)
        assert opened(data).mode == "RGB"
        cyan, magenta, yellow, black = corner_colours(data)
        assert cyan[0] < 60 < 140 < min(cyan[1:])
        assert magenta[1] < 60 < 140 < magenta[0]
        assert yellow[2] < 60 < 200 < min(yellow[:2])
        assert max(black) < 60


def test_sixteen_bits_are_scaled_to_eight(enhanced: Enhance) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 256).astype(np.uint16), (32, 1))
    seen = pixels(enhanced(file_of(Image.fromarray(ramp), "PNG"), 256), "L")
    assert np.abs(seen[16] - np.arange(256)).max() <= 5
    deep = pyvips.Image.new_from_array(np.asarray(corners()).astype(np.uint16) * 257, interpretation="rgb16")
    assert far_from(corner_colours(enhanced(deep.pngsave_buffer(), 96)), CORNERS) <= 24


def test_transparency_becomes_white(enhanced: Enhance) -> None:
    picture = corners().convert("RGBA")
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 48, 64))
    picture.putalpha(alpha)
    for side in (48, 96, 300):
        data = enhanced(file_of(picture, "PNG"), side)
        assert min(corner_colours(data)[0]) >= 250
        assert far_from(corner_colours(data)[1:3], CORNERS[1:3]) <= 30


def test_a_palette_with_transparency_is_read(enhanced: Enhance) -> None:
    picture = corners().quantize(8)
    data = enhanced(file_of(picture, "GIF", transparency=picture.getpixel((10, 10))), 96)
    assert min(corner_colours(data)[0]) >= 250


@pytest.mark.parametrize("seed", [1, 5])
@pytest.mark.parametrize("light", [0.4, 1.0])
def test_grey_gets_no_colour(seed: int, light: float, enhanced: Enhance) -> None:
    grey = paint(seed, 160, 120).convert("L").point([round(light * value) for value in range(256)])
    assert opened(enhanced(file_of(grey), 200)).mode == "L"
    seen = pixels(enhanced(file_of(grey.convert("RGB"), "PNG"), 200))
    assert np.ptp(seen, axis=2).max() <= 4


def test_of_an_animation_the_first_frame_is_taken(enhanced: Enhance) -> None:
    others = [Image.new("RGB", (96, 64), (n * 40, 0, 0)) for n in range(3)]
    data = enhanced(file_of(corners(), "GIF", save_all=True, append_images=others), 48)
    assert far_from(corner_colours(data), CORNERS) <= 24


def test_no_metadata_is_left(enhanced: Enhance) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825)[29] = "SECRETGPS"
    data = enhanced(file_of(paint(2, 160, 120), exif=exif, comment=b"SECRET", xmp=b"<x>SECRETXMP</x>"), 200)
    for trace in (b"SECRET", b"Exif", b"xmp", b"ICC"):
        assert trace not in data


@pytest.mark.parametrize("side", [100, 160, 333])
def test_the_same_picture_gives_the_same_bytes(side: int, enhanced: Enhance) -> None:
    source = file_of(paint(3, 160, 120).point([value // 3 for value in range(256)] * 3), quality=60)
    assert enhanced(source, side) == enhanced(source, side)


@pytest.mark.parametrize("size", [(8_000, 6_000), (6_000, 8_000)])
def test_a_huge_picture_is_reduced(size: tuple[int, int], enhanced: Enhance) -> None:
    source = pyvips.Image.new_from_array(np.asarray(paint(6, *(side // 10 for side in size))))
    huge = source.resize(10, kernel="nearest").jpegsave_buffer(Q=80)
    assert max(opened(enhanced(huge, 1_024)).size) == 1_024


@pytest.mark.parametrize("side", [400, 512])
@pytest.mark.parametrize("seed", [1, 2, 5])
def test_a_good_picture_stays_nearly_as_it_is(seed: int, side: int, enhanced: Enhance) -> None:
    source = file_of(paint(seed, 512, 384), quality=95)
    seen = opened(enhanced(source, side, quality=100)).convert("RGB")  # coding the grain would cost more
    plain = opened(source).resize(seen.size, Image.Resampling.LANCZOS)
    assert structural_similarity(np.asarray(seen), np.asarray(plain), channel_axis=2) > 0.99


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("side", [50, 400])
def test_truncated_files_are_refused(format: str, side: int, problem: Problem) -> None:
    whole = file_of(paint(1, 200, 150), format)
    assert problem(whole[: len(whole) // 2], "enhance", side=side) == "truncated"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(1_000), b'<svg xmlns="http://www.w3.org/2000/svg"/>'])
def test_what_is_no_picture_is_refused_as_by_compress(content: bytes, problem: Problem) -> None:
    assert problem(content, "enhance", side=100) == problem(content)


def test_damaged_pixels_are_refused(problem: Problem) -> None:
    whole = bytearray(file_of(paint(1, 200, 150), "PNG"))
    whole[len(whole) // 2] ^= 0xFF
    assert problem(bytes(whole), "enhance", side=100) == problem(bytes(whole))
