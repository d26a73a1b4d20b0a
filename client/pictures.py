"""Draws pictures that resemble photographs, the same for the same seed, for the demo, tests and benchmarks.

A picture is a sky with soft clouds, ridges of hills with hard edges, mottled ground and fine grain: so coding it costs
what a photograph costs, and a JPEG of two megapixels at quality 85 takes about 0.4 MB.
"""

import colorsys
import io
import math
import random
import zlib
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter

FORMATS = ("jpeg", "png", "webp", "gif")
EXIF_ORIENTATION = 0x0112
SIDE_PIXELS_MAX = 12_000
COMMENT_BYTES_MAX = 1_000
RIDGES = 5
GRAIN_SIDE_PIXELS = 512
GRAIN_STRENGTH = 0.15
MOTTLE_STRENGTH = 0.3

_JPEG_START_BYTES = 2
_PNG_HEADER_BYTES = 33
_STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def draw(
    seed: int,
    width: int,
    height: int,
    format: str = "jpeg",
    quality: int = 85,
    *,
    orientation: int = 1,
    transparent: bool = False,
) -> bytes:
    """Encode picture `seed`, which is width x height pixels when seen upright, as jpeg, png, webp or gif.

    orientation: 1..8, stored as EXIF with the pixels turned to match (not for gif). transparent: the sky of a png or
    webp is see-through. Raises ValueError for a format, size or orientation that there is not.
    """
    if format not in FORMATS or orientation not in range(1, 9) or not _is_size(width, height):
        raise ValueError(f"cannot draw {width}x{height} as {format} with orientation {orientation}")
    picture = paint(seed, width, height, transparent=transparent and format in ("png", "webp"))
    options: dict[str, Any] = {"quality": quality} if format in ("jpeg", "webp") else {}
    if format == "png":
        options["compress_level"] = 1
    if orientation > 1 and format != "gif":
        picture = picture.transpose(_STORED_AS[orientation])
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        options["exif"] = exif.tobytes()
    encoded = io.BytesIO()
    picture.save(encoded, format, **options)
    return encoded.getvalue()


def paint(seed: int, width: int, height: int, *, transparent: bool = False) -> Image.Image:
    """The pixels of picture `seed`: RGB, or RGBA with a see-through sky."""
    chance = random.Random(seed)
    hue = chance.uniform(0.52, 0.95)
    picture = _sky(chance, hue, width, height)
    ground = Image.new("L", (width, height), 0)
    for nearness in range(1, RIDGES + 1):
        outline = _ridge(chance, nearness / RIDGES, width, height)
        ImageDraw.Draw(picture).polygon(outline, fill=_ridge_colour(hue, nearness / RIDGES))
        ImageDraw.Draw(ground).polygon(outline, fill=255)
    picture = Image.composite(_mottled(chance, picture), picture, ground)
    picture = _grained(chance, picture)
    if transparent:
        picture.putalpha(ground)
    return picture


def stamp(picture: bytes, comment: str) -> bytes:
    """The same jpeg or png, pixel for pixel, as a different file: with a comment, at no cost worth mentioning.

    Raises ValueError for other formats and for comments over 1,000 bytes or outside ASCII.
    """
    text = comment.encode("ascii")
    if len(text) > COMMENT_BYTES_MAX:
        raise ValueError(f"a comment holds at most {COMMENT_BYTES_MAX} bytes")
    if picture.startswith(b"\xff\xd8"):
        segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
        return picture[:_JPEG_START_BYTES] + segment + picture[_JPEG_START_BYTES:]
    if picture.startswith(b"\x89PNG"):
        chunk = b"tEXtComment\0" + text
        sealed = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return picture[:_PNG_HEADER_BYTES] + sealed + picture[_PNG_HEADER_BYTES:]
    raise ValueError("only jpeg and png can be stamped")


def _is_size(width: int, height: int) -> bool:
    return 1 <= width <= SIDE_PIXELS_MAX and 1 <= height <= SIDE_PIXELS_MAX


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _sky(chance: random.Random, hue: float, width: int, height: int) -> Image.Image:
    top, middle, horizon = _colour(hue, 0.6, 0.75), _colour(hue + 0.05, 0.35, 0.9), _colour(hue + 0.45, 0.35, 1)
    wash = Image.frombytes("RGB", (1, 4), bytes([*top, *middle, *horizon, *horizon]))
    sky = wash.resize((width, height), Image.Resampling.BICUBIC)
    radius = min(width, height) / 12
    x, y = chance.uniform(0.15, 0.85) * width, chance.uniform(0.12, 0.4) * height
    ImageDraw.Draw(sky).ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(hue + 0.5, 0.12, 1))
    cover = _cloud(chance, (24, 20), (width, height)).point([max(0, value - 110) for value in range(256)])
    sky.paste(_colour(hue, 0.05, 0.97), mask=cover)
    return sky


def _ridge(chance: random.Random, nearness: float, width: int, height: int) -> list[tuple[float, float]]:
    """The outline of a ridge from the left edge to the right and along the bottom: waves, and jagged trees."""
    waves = [(chance.uniform(0.5, 1) / n, n * chance.uniform(1, 3), chance.uniform(0, math.tau)) for n in range(1, 7)]
    base, swing = (0.42 + 0.4 * nearness) * height, 0.07 * height
    outline = []
    for step in range(241):
        across = step / 240
        wave = sum(size * math.sin(math.tau * turns * across + phase) for size, turns, phase in waves)
        outline.append((across * width, base + swing * wave - chance.uniform(0, 0.02) * nearness * height))
    return [*outline, (width, height), (0, height)]


def _ridge_colour(hue: float, nearness: float) -> tuple[int, int, int]:
    return _colour(hue - 0.05 - 0.25 * nearness, 0.25 + 0.3 * nearness, 0.8 - 0.5 * nearness)


def _cloud(chance: random.Random, cells: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Soft random brightness: a few cells, enlarged."""
    small = Image.frombytes("L", cells, chance.randbytes(cells[0] * cells[1]))
    return small.resize(size, Image.Resampling.BICUBIC)


def _mottled(chance: random.Random, picture: Image.Image) -> Image.Image:
    """The picture with blotches of a few pixels, as leaves and stones have them."""
    width, height = picture.size
    blotches = _cloud(chance, (max(1, width // 5), max(1, height // 5)), picture.size)
    return Image.blend(picture, ImageChops.overlay(picture, Image.merge("RGB", [blotches] * 3)), MOTTLE_STRENGTH)


def _grained(chance: random.Random, picture: Image.Image) -> Image.Image:
    """The picture with the grain of a sensor, the same in all three colours."""
    side = GRAIN_SIDE_PIXELS
    tile = Image.frombytes("L", (side, side), chance.randbytes(side * side)).filter(ImageFilter.GaussianBlur(0.6))
    tile = tile.point([round(128 + (value - 128) * GRAIN_STRENGTH) for value in range(256)])
    grain = Image.new("L", picture.size)
    for left in range(0, picture.width, side):
        for top in range(0, picture.height, side):
            grain.paste(tile, (left, top))
    return ImageChops.add(picture, Image.merge("RGB", [grain] * 3), offset=-128)
