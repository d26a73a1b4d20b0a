"""What must not leave: metadata, and a JPEG bigger than the one that came."""

from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageCms

from tests.golden.pictures import (
    file_of,
    in_profile,
    opened,
    photograph,
    pixels,
)

Compress = Callable[..., bytes]
OF_THE_FORMAT = {
    *("jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"),
    *("loop", "background", "timestamp", "duration"),
}


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
    assert compressed(source + b"SECRET" * 100, quality=100)[-2:] == b"\xff\xd9"
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
