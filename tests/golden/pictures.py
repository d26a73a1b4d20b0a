"""Pictures drawn for tests, as the bytes of files, and how to look at results."""

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = npt.NDArray[np.int16]

RED, GREEN, BLUE, YELLOW = (200, 40, 30), (30, 160, 60), (40, 60, 180), (230, 210, 60)
MAIL = "info@golden-bakery.com"
CORNERS = (RED, GREEN, BLUE, YELLOW)


def corners(width: int = 96, height: int = 64) -> Image.Image:
    """Four different corners: any turn, flip or exchange of colours shows. Clockwise from the top left."""
    picture = Image.new("RGB", (width, height), (128, 128, 128))
    draw = ImageDraw.Draw(picture)
    w, h = width // 2, height // 2
    for colour, at in zip(CORNERS, ((0, 0), (w, 0), (w, h), (0, h)), strict=True):
        draw.rectangle((*at, at[0] + w, at[1] + h), fill=colour)
    return picture


def photograph(width: int = 640, height: int = 480, seed: int = 1) -> Image.Image:
    """Soft noise with some detail, which costs about as many bytes per pixel as a photograph."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))


def shop_front(width: int = 1_200, height: int = 900) -> Image.Image:
    """A red sign above a grey street: a shop's name, and below it in smaller letters how to reach it."""
    picture = Image.new("RGB", (width, height), (120, 150, 180))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 10, height // 8, width * 9 // 10, height // 2), fill=(190, 30, 30))
    draw.rectangle((0, height * 3 // 4, width, height), fill=(90, 90, 90))
    for text, top, size in (("GOLDEN BAKERY", 0.17, 0.09), ("Tel. 030 123 4567", 0.32, 0.05), (MAIL, 0.41, 0.05)):
        font = ImageFont.load_default(height * size)
        draw.text((width / 2, height * top), text, font=font, fill="white", anchor="ma")
    return picture


def page(lines: int, letters: int, side: int = 1_600) -> Image.Image:
    """A page of numbered lines with letters so many pixels high."""
    picture = Image.new("RGB", (side, side), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(letters)
    for number in range(lines):
        text = f"{number} the quick brown fox jumps over the lazy dog " * 4
        draw.text((letters, letters * (1 + 1.4 * number)), text, font=font, fill="black")
    return picture


def file_of(picture: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def pixels(content: bytes | Image.Image, mode: str = "RGB") -> Pixels:
    picture = opened(content) if isinstance(content, bytes) else content
    return np.asarray(picture.convert(mode)).astype(np.int16)


def corner_colours(content: bytes) -> list[tuple[int, ...]]:
    """The colours in the middle of the four corners, clockwise from the top left."""
    seen = pixels(content)
    height, width, _ = seen.shape
    left, right, top, bottom = width // 4, width * 3 // 4, height // 4, height * 3 // 4
    return [tuple(int(v) for v in seen[y, x]) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


def far_from(seen: list[tuple[int, ...]], wanted: tuple[tuple[int, ...], ...]) -> int:
    """The largest difference of any channel."""
    return max(abs(a - b) for one, other in zip(seen, wanted, strict=True) for a, b in zip(one, other, strict=True))


def decibels(one: Pixels, other: Pixels) -> float:
    """Peak signal to noise: 30 is a fair likeness, 40 a close one."""
    error = float(((one - other).astype(float) ** 2).mean())
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def in_profile(profile: str, mode: str = "RGB") -> tuple[Image.Image, bytes]:
    """The corners as stored in a profile that libvips knows, and the profile."""
    stored = pyvips.Image.new_from_array(np.asarray(corners()), interpretation="srgb")
    stored = stored.icc_transform(profile, input_profile="srgb")
    return Image.fromarray(stored.numpy(), mode), stored.get("icc-profile-data")
