"""What goes wrong with pictures, done to good ones on purpose, the same every time."""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]

LIGHT_LEFT = 0.3
WARM, COLD = (1.0, 0.8, 0.55), (0.7, 0.85, 1.0)
CONTRAST_LEFT, VEIL = 0.5, 0.27
FLATTENED_LEFT, FLATTENED_RADII = 0.4, 30
NOISE_LEVELS = 12.0
BLUR_PIXELS = 1.5
STORED_QUALITY, LOW_QUALITY = 95, 40


def to_light(values: Numbers) -> Numbers:
    """sRGB values of 0..1 as amounts of light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def to_values(light: Numbers) -> Numbers:
    """Amounts of light as sRGB values of 0..1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def _stored(values: Numbers) -> Image.Image:
    return Image.fromarray((255 * values.clip(0, 1)).round().astype(np.uint8))


def _values(picture: Image.Image) -> Numbers:
    return np.asarray(picture, dtype=np.float64) / 255


def _lit(*light: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: _stored(to_values(to_light(_values(picture)) * np.array(light)))


def _veiled(picture: Image.Image) -> Image.Image:
    return _stored(_values(picture) * CONTRAST_LEFT + VEIL)


def _flattened(picture: Image.Image) -> Image.Image:
    around = _values(picture.filter(ImageFilter.GaussianBlur(max(picture.size) / FLATTENED_RADII)))
    return _stored(around + FLATTENED_LEFT * (_values(picture) - around))


def _noisy(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(11).normal(0, NOISE_LEVELS / 255, (picture.height, picture.width, 3))
    return _stored(_values(picture) + noise)


def _blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(BLUR_PIXELS))


def _halved(picture: Image.Image) -> Image.Image:
    return picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)), Image.Resampling.LANCZOS)


Degradation = Callable[[Image.Image], Image.Image]
GOOD = "nothing"
CODED_COARSELY = "JPEG quality 40"
DEGRADATIONS: dict[str, Degradation] = {
    "too little light": _lit(LIGHT_LEFT, LIGHT_LEFT, LIGHT_LEFT),
    "colour cast, warm": _lit(*WARM),
    "colour cast, cold": _lit(*COLD),
    "low contrast": _veiled,
    "flat light": _flattened,
    "noise": _noisy,
    "blur": _blurred,
    "halved size": _halved,
    CODED_COARSELY: lambda picture: picture,
}


def spoiled(picture: Image.Image, degradation: str) -> bytes:
    """An RGB picture as a JPEG file that lacks something."""
    if degradation != GOOD:
        picture = DEGRADATIONS[degradation](picture)
    buffer = io.BytesIO()
    quality = LOW_QUALITY if degradation == CODED_COARSELY else STORED_QUALITY
    picture.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
