"""Pictures that cameras, designers and attackers make: served byte for byte, through the whole system."""

import io
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from client.local_server import Request, Response, serving
from tests.builders import images_of, product_csv, run

RED = (200, 30, 30)
NEARLY = 12


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_says(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def red(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A plain picture in a colour mode."""
    return Image.new("RGB", size, RED).convert(mode)


def animation() -> bytes:
    """Red, then blue, then green."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in (RED, (0, 0, 255), (0, 255, 0))]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def located() -> bytes:
    """A JPEG that says where it was taken, with a comment."""
    exif = Image.Exif()
    exif[0x010F] = "camera of somebody"
    exif.get_ifd(0x8825)[1] = "N"
    return encoded(red(), "JPEG", exif=exif, comment=b"a secret comment")


GOOD: dict[str, Callable[[], bytes]] = {
    "cmyk.jpg": lambda: encoded(red("CMYK"), "JPEG"),
    "grey.jpg": lambda: encoded(red("L"), "JPEG"),
    "palette.png": lambda: encoded(red("P"), "PNG"),
    "palette-transparent.png": lambda: encoded(red("P"), "PNG", transparency=255),
    "grey-alpha.png": lambda: encoded(red("LA"), "PNG"),
    "bits.png": lambda: encoded(red("1"), "PNG"),
    "deep.png": lambda: encoded(Image.new("I;16", (40, 30), 30_000), "PNG"),
    "progressive.jpg": lambda: encoded(red(), "JPEG", progressive=True),
    "interlaced.gif": lambda: encoded(red("P"), "GIF", interlace=1),
    "animated.gif": animation,
    "lossless.webp": lambda: encoded(red("RGBA"), "WEBP", lossless=True),
    "strip.tiff": lambda: encoded(red(), "TIFF"),
    "plain.bmp": lambda: encoded(red(), "BMP"),
    "modern.avif": lambda: encoded(red(), "AVIF"),
    "one-pixel.png": lambda: encoded(red(size=(1, 1)), "PNG"),
    "thin.jpg": lambda: encoded(red(size=(3000, 1)), "JPEG"),
    "located.jpg": located,
    "named-wrongly.png": lambda: encoded(red(), "JPEG"),
}

BAD: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "bomb.png": (lambda: png_that_says(60_000, 60_000), {"too_many_pixels"}),
    "limit.png": (lambda: png_that_says(7_100, 7_100), {"too_many_pixels"}),
    "nothing.png": (lambda: png_that_says(0, 0), {"not_an_image", "truncated", "decode_failed"}),
    "short.png": (lambda: png_that_says(500, 500), {"truncated", "decode_failed"}),
    "text.jpg": (lambda: b"hello", {"not_an_image"}),
    "page.png": (lambda: b"<html><script>alert(1)</script>", {"not_an_image"}),
    "document.jpg": (lambda: b"%PDF-1.7\n" + b"x" * 500, {"unsupported_format", "not_an_image"}),
    "script.jpg": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n" + b"x" * 500, {"unsupported_format", "not_an_image"}),
    "archive.jpg": (lambda: b"PK\x03\x04" + b"x" * 500, {"unsupported_format", "not_an_image"}),
    "jpeg-of-zeros.jpg": (lambda: b"\xff\xd8\xff" + b"\0" * 5_000, {"not_an_image", "truncated", "decode_failed"}),
    "start.webp": (lambda: encoded(red(), "WEBP")[:40], {"not_an_image", "truncated", "decode_failed"}),
    "start.gif": (lambda: animation()[:60], {"not_an_image", "truncated", "decode_failed"}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def files() -> AsyncIterator[str]:
    """The URL of a site with all of these."""
    made = {f"/{name}": make() for name, make in GOOD.items()}
    made |= {f"/{name}": make() for name, (make, _) in BAD.items()}

    def respond(request: Request) -> Response:
        return Response(body=made[request.path], content_type="image/jpeg")

    async with serving(respond) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ended(client: httpx.AsyncClient, files: str) -> dict[str, dict[str, Any]]:
    """What became of each file, all in one request."""
    request_id = await run(client, product_csv([[f"{files}/{name}"] for name in (*GOOD, *BAD)]))
    return {image["input_url"].rpartition("/")[2]: image for image in await images_of(client, request_id)}


@pytest.mark.parametrize("name", GOOD)
async def test_an_unusual_picture_comes_out_right(
    client: httpx.AsyncClient, ended: dict[str, dict[str, Any]], name: str
) -> None:
    assert ended[name]["status"] == "completed", ended[name]
    content = (await client.get(ended[name]["output_url"])).content
    with Image.open(io.BytesIO(GOOD[name]())) as source, Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", source.size)
        assert picture.mode in ("RGB", "L")
        if source.mode in ("RGB", "RGBA", "P") and "transparent" not in name:
            seen, drawn = (np.asarray(each.convert("RGB"), int).mean((0, 1)) for each in (picture, source))
            assert np.abs(seen - drawn).max() <= NEARLY
    assert b"somebody" not in content
    assert b"a secret comment" not in content


@pytest.mark.parametrize("name", BAD)
async def test_a_hostile_file_fails_with_a_fitting_problem(ended: dict[str, dict[str, Any]], name: str) -> None:
    assert ended[name]["status"] == "failed"
    assert ended[name]["problem"] in BAD[name][1], ended[name]
    assert ended[name]["detail"]
    assert "/tmp" not in ended[name]["detail"]
    assert "Traceback" not in ended[name]["detail"]
