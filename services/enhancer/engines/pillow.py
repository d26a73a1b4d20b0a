"""BMP, the one accepted format that libvips has no loader for, opened with Pillow."""

from pathlib import Path

import pyvips

from shared.errors import Permanent

BANDS = {"L": 1, "RGB": 3, "RGBA": 4}


def load_bmp(source: Path) -> pyvips.Image:
    """Decode a BMP into an 8-bit grey, RGB or RGBA picture in memory; Permanent: truncated, decode_failed."""
    from PIL import Image  # rarely needed, and a third of a worker's start

    try:
        with Image.open(source, formats=["BMP"]) as picture:
            plain = picture if picture.mode in BANDS else picture.convert(_plain_mode(picture.mode))
            pixels, bands = plain.tobytes(), BANDS[plain.mode]
            image = pyvips.Image.new_from_memory(pixels, plain.width, plain.height, bands, "uchar")
    except (OSError, SyntaxError, ValueError) as error:
        problem = "truncated" if "truncated" in str(error) else "decode_failed"
        raise Permanent(problem, f"The BMP does not decode: {error}.") from error
    return image.copy(interpretation="b-w" if bands == 1 else "srgb")


def _plain_mode(mode: str) -> str:
    return "L" if mode == "1" else "RGB"
