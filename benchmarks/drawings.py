"""Pictures that look like photographs to an enhancer: light and shade, textures, skin, leaves, text and hard edges.

Each is drawn at twice its size and reduced, as a lens and a sensor would, and spans dark to light as photographs do.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from client.pictures import paint

Numbers = npt.NDArray[np.float64]
Colour = tuple[int, int, int]

SIZE = (480, 360)
OVERSAMPLING = 2


def drawings() -> dict[str, Image.Image]:
    """Every drawn picture by its name, the same every time."""
    return {name: draw() for name, draw in DRAWINGS.items()}


def cloud(seed: int, size: tuple[int, int], roughness: float) -> Numbers:
    """Noise whose waves have power frequency ** -roughness, as natural scenes have about 2; from 0 to 1."""
    width, height = size
    across, down = np.fft.fftfreq(width)[None, :], np.fft.fftfreq(height)[:, None]
    frequency = np.hypot(across, down)
    frequency[0, 0] = 1
    waves = np.fft.fft2(np.random.default_rng(seed).normal(size=(height, width))) / frequency ** (roughness / 2)
    field: Numbers = np.fft.ifft2(waves).real
    low, high = np.percentile(field, (0.5, 99.5))
    stretched: Numbers = ((field - low) / (high - low)).clip(0, 1)
    return stretched


def _canvas() -> tuple[int, int]:
    return SIZE[0] * OVERSAMPLING, SIZE[1] * OVERSAMPLING


def _taken(picture: Image.Image) -> Image.Image:
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def _blend(field: Numbers, dark: Colour, light: Colour) -> Image.Image:
    mixed = np.array(dark) + field[..., None] * (np.array(light) - np.array(dark))
    return Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))


def _shaded(picture: Image.Image, shade: Numbers) -> Image.Image:
    return Image.fromarray((np.asarray(picture) * shade[..., None]).round().clip(0, 255).astype(np.uint8))


def _text(draw: ImageDraw.ImageDraw, at: tuple[float, float], words: str, pixels: int, colour: Colour) -> None:
    draw.text(at, words, fill=colour, font=ImageFont.load_default(pixels))


def foliage() -> Image.Image:
    """Leaves in sun and shade, the sky through them."""
    size = width, height = _canvas()
    picture = _blend(cloud(21, size, 1.6), (10, 22, 8), (120, 150, 60))
    chance = np.random.default_rng(22)
    draw = ImageDraw.Draw(picture)
    for x, y, turn, long, light in chance.uniform(size=(900, 5)):
        centre, length, angle = (x * width, y * height), 12 + 34 * long, math.tau * turn
        along = (math.cos(angle) * length / 2, math.sin(angle) * length / 2)
        wide = (-along[1] / 3, along[0] / 3)
        corners = [(centre[0] + a * along[0] + b * wide[0], centre[1] + a * along[1] + b * wide[1])
                   for a, b in ((-1, 0), (0, 1), (1, 0), (0, -1))]  # fmt: skip
        sun = light**2
        draw.polygon(corners, fill=(round(20 + 150 * sun), round(35 + 175 * sun), round(12 + 60 * sun)))
    gaps = Image.fromarray((255 * (cloud(23, size, 3.0) > 0.8)).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
    picture.paste((236, 243, 252), mask=gaps)
    return _taken(_shaded(picture, 0.55 + 0.45 * cloud(24, size, 3.5)))


def portrait() -> Image.Image:
    """A face before a soft background: skin, hair, a white collar, eyes."""
    width, height = _canvas()
    picture = _blend(cloud(31, (width, height), 4.0), (38, 52, 60), (150, 160, 150))
    draw = ImageDraw.Draw(picture)
    middle = width / 2
    draw.ellipse((middle - 190, 70, middle + 190, 560), fill=(34, 22, 16))
    draw.polygon([(middle - 330, height), (middle - 110, 560), (middle + 110, 560), (middle + 330, height)],
                 fill=(244, 243, 240))  # fmt: skip
    draw.rectangle((middle - 75, 470, middle + 75, 610), fill=(190, 138, 112))
    draw.ellipse((middle - 145, 130, middle + 145, 530), fill=(224, 172, 144))
    for side in (-1, 1):
        x = middle + side * 62
        draw.ellipse((x - 34, 288, x + 34, 322), fill=(248, 246, 242))
        draw.ellipse((x - 16, 289, x + 16, 321), fill=(70, 48, 30))
        draw.ellipse((x - 7, 298, x + 7, 312), fill=(6, 5, 5))
        draw.line((x - 42, 268, x + 42, 262), fill=(44, 30, 22), width=10)
    draw.polygon([(middle - 8, 300), (middle + 22, 400), (middle - 14, 402)], fill=(202, 148, 120))
    draw.ellipse((middle - 48, 436, middle + 48, 466), fill=(176, 84, 80))
    strands = cloud(32, (width, height), 1.2)
    across = np.linspace(1.08, 0.7, width)[None, :]
    return _taken(_shaded(picture, across * (0.9 + 0.2 * strands)))


def street() -> Image.Image:
    """Brick walls, windows, a lettered sign, a pale sky."""
    size = width, height = _canvas()
    picture = _blend(np.linspace(0, 1, height)[:, None] * np.ones(size[::-1]), (120, 165, 220), (240, 244, 248))
    wall = _blend(cloud(41, size, 1.0), (96, 48, 36), (176, 104, 82))
    draw = ImageDraw.Draw(wall)
    for row in range(0, height, 18):
        draw.line((0, row, width, row), fill=(190, 178, 164), width=3)
        for column in range(0 if row % 36 else 22, width, 44):
            draw.line((column, row, column, row + 18), fill=(188, 176, 162), width=3)
    for left in range(60, width - 160, 210):
        for top in (230, 450):
            draw.rectangle((left, top, left + 110, top + 140), fill=(238, 234, 226))
            draw.rectangle((left + 10, top + 10, left + 100, top + 130), fill=(24, 30, 38))
            draw.polygon([(left + 12, top + 128), (left + 80, top + 12), (left + 98, top + 12)], fill=(104, 126, 148))
    draw.rectangle((180, 150, 780, 215), fill=(18, 60, 44))
    _text(draw, (200, 152), "BOOKS & PRINTS  1897", 52, (250, 244, 220))
    picture.paste(wall.crop((0, 130, width, height)), (0, 130))
    shade = np.ones(size[::-1])
    shade[:, : width // 3] = 0.5
    return _taken(_shaded(picture, shade))


def still_life() -> Image.Image:
    """Round things of strong colours on a light table, with soft shadows and small highlights."""
    size = width, height = _canvas()
    table = _blend(0.25 * cloud(51, size, 1.4) + 0.75 * cloud(52, size, 4), (196, 190, 182), (250, 249, 247))
    down, across = np.mgrid[0:height, 0:width]
    balls = (((240, 420), 150, (196, 36, 30)), ((520, 470), 120, (238, 190, 40)), ((730, 380), 165, (40, 96, 168)))
    shadow = np.ones(size[::-1])
    for (x, y), radius, _colour in balls:
        away = np.hypot((across - x - 60) / 1.5, (down - y - radius * 0.75) * 2) / radius
        shadow *= 1 - 0.75 * np.exp(-(away**2) * 1.6)
    picture = np.asarray(_shaded(table, shadow)).astype(float)
    for (x, y), radius, colour in balls:
        left, up = (across - x) / radius, (down - y) / radius
        inside = left**2 + up**2 < 1
        light = (0.5 - 0.45 * left - 0.6 * up).clip(0.04, 1)[..., None]
        gleam = np.exp(-((left + 0.4) ** 2 + (up + 0.45) ** 2) * 60)[..., None]
        picture = np.where(inside[..., None], np.array(colour) * light * 1.15 + 255 * gleam, picture)
    grain = 4 * np.random.default_rng(53).normal(size=(height, width, 1))
    return _taken(Image.fromarray((picture + grain).round().clip(0, 255).astype(np.uint8)))


def letter() -> Image.Image:
    """A printed page on a dark wooden desk, lit from one side."""
    width, height = _canvas()
    desk = _blend(np.tile(cloud(61, (width, 90), 1.5).repeat(8, axis=0)[:height], (1, 1)), (26, 14, 8), (110, 70, 40))
    draw = ImageDraw.Draw(desk)
    draw.polygon([(150, 60), (820, 30), (850, height), (120, height)], fill=(247, 245, 240))
    _text(draw, (220, 90), "Dear reader,", 46, (20, 20, 24))
    line = "the quick brown fox jumps over the lazy dog, and the"
    for number in range(15):
        _text(draw, (200, 170 + 36 * number), line[number % 5 :], 24, (30, 30, 36))
    draw.ellipse((650, 560, 780, 690), outline=(150, 24, 30), width=9)
    light = np.linspace(1.0, 0.72, width)[None, :] * np.linspace(1.0, 0.9, height)[:, None]
    return _taken(_shaded(desk, light))


def landscape() -> Image.Image:
    """Sky, clouds, ridges of hills with trees, mottled ground."""
    return paint(18, *SIZE)


DRAWINGS: dict[str, Callable[[], Image.Image]] = {
    each.__name__: each for each in (landscape, foliage, portrait, street, still_life, letter)
}
