"""Files that are not what they seem: each is refused with its reason."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from tests.golden.pictures import file_of, photograph

Problem = Callable[..., str]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("max_side", [None, 100])
def test_truncated_files_are_refused(format: str, share: float, max_side: int | None, problem: Problem) -> None:
    whole = file_of(photograph(), format)
    assert problem(whole[: int(len(whole) * share)], max_side=max_side) in ("truncated", "decode_failed")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_truncation_is_called_by_its_name(format: str, problem: Problem) -> None:
    whole = file_of(photograph(), format)
    assert problem(whole[: len(whole) // 2]) == "truncated"


def test_a_truncated_progressive_jpeg_is_refused(problem: Problem) -> None:
    whole = file_of(photograph(), progressive=True)
    assert problem(whole[: len(whole) // 2]) == "truncated"


def test_a_decompression_bomb_is_refused_by_its_header(problem: Problem) -> None:
    assert problem(png(50_000, 50_000, zlib.compress(bytes(1_000_000)))) == "too_many_pixels"


def test_a_picture_with_less_data_than_pixels_is_refused(problem: Problem) -> None:
    assert problem(png(1_000, 1_000, zlib.compress(bytes(3_001 * 10)))) in ("truncated", "decode_failed")


def test_damaged_pixels_are_refused(problem: Problem) -> None:
    whole = bytearray(file_of(photograph(), "PNG"))
    whole[len(whole) // 2] ^= 0xFF
    assert problem(bytes(whole)) in ("decode_failed", "truncated")


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n",
    ],
)
def test_documents_that_call_themselves_pictures_are_refused(content: bytes, problem: Problem) -> None:
    assert problem(content) == "unsupported_format"


def test_a_zip_is_no_picture(problem: Problem) -> None:
    assert problem(b"PK\x03\x04" + bytes(1_000)) == "not_an_image"


def test_a_header_without_pixels_behind_it_is_refused(problem: Problem) -> None:
    assert problem(file_of(photograph())[:400]) in ("truncated", "decode_failed")


def test_a_result_that_the_format_cannot_hold_is_refused(problem: Problem) -> None:
    buffer = io.BytesIO()
    Image.new("L", (20_000, 2)).save(buffer, "PNG")
    assert problem(buffer.getvalue(), format="webp") == "encode_failed"
