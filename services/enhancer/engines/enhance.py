"""enhance: the same picture at an exact size, with what it lacks put right and the rest left alone."""

import math
from pathlib import Path

import pyvips

from services.enhancer.engines.balance import balanced
from services.enhancer.engines.enlarge import resized
from services.enhancer.engines.jpeg import coarseness
from services.enhancer.engines.levels import levelled
from services.enhancer.engines.local_contrast import enlivened, flatness_of
from services.enhancer.engines.measure import contrast, thumbnail
from services.enhancer.engines.noise import coding_noise, denoised, noise_of
from services.enhancer.engines.rendering import Encoded
from services.enhancer.engines.sharpness import blur_of, crisp, unblurred
from services.enhancer.engines.vips import encode, open_picture
from shared.sniff import Sniffed

WHITE = 255


def enhance(source: Path, found: Sniffed, *, side: int, quality: int) -> Encoded:
    """Return a JPEG whose longest side has exactly `side` pixels."""
    smaller = min(1.0, side / max(found.width, found.height))
    size = exact_size(found.width, found.height, side) if smaller < 1 else None
    picture = open_picture(source, found, size).image
    if picture.hasalpha():
        picture = picture.flatten(background=[WHITE])
    picture = picture.copy_memory()  # looked at several times
    steps = coarseness(source.read_bytes()) * smaller if found.format == "jpeg" else 0.0
    picture = restored(picture, steps)
    width, height = exact_size(picture.width, picture.height, side)
    factor = side / max(picture.width, picture.height)
    picture = crisp(resized(picture, width, height), factor)
    return Encoded(encode(picture, "jpeg", quality), "jpeg", width, height)


def exact_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with the longest side at `side` pixels, the other one rounded half up and at least 1."""
    longest = max(width, height)
    shorter = max(1, math.floor(side * min(width, height) / longest + 0.5))
    return (side, shorter) if width > height else (shorter, side)


def restored(picture: pyvips.Image, steps: float) -> pyvips.Image:
    """Right the tones, take out noise, lift flat parts, sharpen what is blurred; `steps` are those of a JPEG."""
    picture, gain = toned(picture)
    noise = max(noise_of(picture), coding_noise(steps * gain), key=lambda each: each.brightness + each.colour)
    if noise.brightness or noise.colour:
        picture = denoised(picture, noise).copy_memory()
    small = thumbnail(picture)
    flatness = flatness_of(small)
    if flatness:
        picture = enlivened(picture, small, flatness).copy_memory()
    return unblurred(picture, blur_of(picture)).copy_memory()


def toned(picture: pyvips.Image) -> tuple[pyvips.Image, float]:
    """Right the colour of the light, then dark and bright; how many times the contrast has grown."""
    small = thumbnail(picture)
    before = contrast(small)
    for find in (balanced, levelled) if picture.bands == 3 else (levelled,):
        curves = find(small)
        if curves is not None:
            picture, small = picture.maplut(curves).copy_memory(), small.maplut(curves)
    return picture, max(1.0, contrast(small) / before) if before else 1.0
