"""What the header readers say, judged against Pillow as an independent writer and reader."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from shared.errors import Permanent
from shared.sniff import Sniffed, sniff

FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"]


def encoded(format: str, size: tuple[int, int] = (37, 21), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, format, **options)
    return buffer.getvalue()


def animated(format: str, frames: int) -> bytes:
    pictures = [Image.new("RGB", (12, 8), (20 * n, 255 - 20 * n, 7 * n)) for n in range(frames)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, format, save_all=True, append_images=pictures[1:], duration=50)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\0\0IDAT"


@pytest.fixture
def sniffed(tmp_path: Path) -> Callable[..., Sniffed]:
    def read(content: bytes, **limits: int) -> Sniffed:
        path = tmp_path / "picture.jpg"
        path.write_bytes(content)
        return sniff(path, **limits)

    return read


@pytest.fixture
def refused(sniffed: Callable[..., Sniffed]) -> Callable[..., str]:
    def problem(content: bytes, **limits: int) -> str:
        with pytest.raises(Permanent) as caught:
            sniffed(content, **limits)
        assert caught.value.detail
        return caught.value.problem

    return problem


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [(37, 21), (1, 1), (300, 2), (2, 300), (1000, 700)])
def test_the_size_is_the_one_that_was_written(
    format: str, size: tuple[int, int], sniffed: Callable[..., Sniffed]
) -> None:
    assert sniffed(encoded(format, size)) == Sniffed(format.lower(), *size, frames=1)


@pytest.mark.parametrize("options", [{"progressive": True}, {"exif": b"Exif\0\0" + b"x" * 60_000}, {"comment": b"hi"}])
def test_what_stands_before_a_jpegs_frame_header_is_skipped(
    options: dict[str, object], sniffed: Callable[..., Sniffed]
) -> None:
    assert sniffed(encoded("JPEG", **options)) == Sniffed("jpeg", 37, 21, 1)


def test_fill_bytes_between_jpeg_markers_are_skipped(sniffed: Callable[..., Sniffed]) -> None:
    jpeg = encoded("JPEG")
    assert sniffed(jpeg[:2] + b"\xff" * 40 + jpeg[2:]) == Sniffed("jpeg", 37, 21, 1)


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0x"}])
def test_every_kind_of_webp_is_read(options: dict[str, object], sniffed: Callable[..., Sniffed]) -> None:
    assert sniffed(encoded("WEBP", (300, 2), **options)) == Sniffed("webp", 300, 2, 1)


def test_big_tiff_is_read(sniffed: Callable[..., Sniffed]) -> None:
    content = encoded("TIFF", big_tiff=True)
    assert content[:4] == b"II+\0"
    assert sniffed(content) == Sniffed("tiff", 37, 21, 1)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_frames_and_pages_are_counted(format: str, sniffed: Callable[..., Sniffed]) -> None:
    assert sniffed(animated(format, 7)) == Sniffed(format.lower(), 12, 8, frames=7)


def test_top_down_bmp_has_a_positive_height(sniffed: Callable[..., Sniffed]) -> None:
    content = bytearray(encoded("BMP"))
    content[22:26] = struct.pack("<i", -21)
    assert sniffed(bytes(content)) == Sniffed("bmp", 37, 21, 1)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"<html><img></html>", random.Random(1).randbytes(5000), b"BM and nothing like a bitmap", b"RIFF"],
)
def test_what_is_no_picture_is_said_to_be_none(content: bytes, refused: Callable[..., str]) -> None:
    assert refused(content) == "not_an_image"


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9",
        b"%PDF-1.7\n",
        b"8BPS\0\1" + bytes(20),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x0cJXL \r\n\x87\n",
    ],
)
def test_pictures_in_formats_we_do_not_open_are_told_apart(content: bytes, refused: Callable[..., str]) -> None:
    assert refused(content) == "unsupported_format"


def test_an_xml_error_page_is_not_an_unsupported_picture(refused: Callable[..., str]) -> None:
    assert refused(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>") == "not_an_image"


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_ends_in_its_header_is_truncated(format: str, refused: Callable[..., str]) -> None:
    assert refused(encoded(format)[:22]) in ("truncated", "decode_failed")


def test_a_webp_shorter_than_it_says_is_truncated(refused: Callable[..., str]) -> None:
    assert refused(encoded("WEBP")[:-5]) == "truncated"


def test_a_huge_size_in_a_small_header_is_refused(refused: Callable[..., str]) -> None:
    assert refused(png_header(60_000, 60_000)) == "too_many_pixels"


def test_the_pixel_limit_is_inclusive(sniffed: Callable[..., Sniffed], refused: Callable[..., str]) -> None:
    assert sniffed(encoded("PNG", (100, 50)), pixels_max=5_000).width == 100
    assert refused(encoded("PNG", (100, 50)), pixels_max=4_999) == "too_many_pixels"


def test_too_many_frames_are_refused(sniffed: Callable[..., Sniffed], refused: Callable[..., str]) -> None:
    assert sniffed(animated("GIF", 5), frames_max=5).frames == 5
    assert refused(animated("GIF", 5), frames_max=4) == "too_many_frames"


def test_frames_times_pixels_are_limited(refused: Callable[..., str]) -> None:
    assert refused(animated("GIF", 5), animation_pixels_max=400, pixels_max=100) == "too_many_pixels"


def test_a_size_of_zero_is_refused(refused: Callable[..., str]) -> None:
    assert refused(png_header(0, 10)) == "decode_failed"


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_headers_are_refused_or_read_but_never_crash(format: str, sniffed: Callable[..., Sniffed]) -> None:
    dice = random.Random(format)
    content = animated(format, 3) if format in ("GIF", "WEBP", "TIFF", "AVIF") else encoded(format)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(400):
        damaged = bytearray(content)
        for _ in range(dice.randint(1, 12)):
            damaged[dice.randrange(min(len(damaged), 200))] = dice.choice((0, 0xFF, dice.randrange(256)))
        try:
            sniffed(bytes(damaged[: dice.randint(1, len(damaged) * 2)]))
            outcomes["read"] += 1
        except Permanent:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 0
