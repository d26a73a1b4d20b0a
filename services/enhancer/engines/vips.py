"""libvips, one thread and no cache: decoding into upright sRGB, scaling, encoding without metadata."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyvips

from services.enhancer.engines.colours import needs_conversion, to_srgb
from services.enhancer.engines.pillow import load_bmp
from shared.errors import Permanent
from shared.sniff import Sniffed

LOADERS = {"jpeg": "Jpeg", "png": "Png", "gif": "Nsgif", "webp": "Webp", "tiff": "Tiff", "avif": "Heif"}
ENCODED_SIDE_MAX = {"jpeg": 65_500, "png": 65_500, "webp": 16_383}
FAIL_ON = {"tiff": "error"}  # an uncompressed TIFF that ends early is an error, not truncated, to libtiff
JPEG_SHRINKS = (8, 4, 2)
WEBP_EFFORT = 2
ORIENTATION = "orientation"


@dataclass(frozen=True)
class Opened:
    """A decoded picture (lazily), and whether the stored pixels are already what is to be shown."""

    image: pyvips.Image
    as_stored: bool


def allow_known_loaders_only() -> None:
    """Let libvips open the accepted formats and nothing else, and keep nothing of them."""
    pyvips.cache_set_max(0)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in LOADERS.values():
        pyvips.operation_block_set(f"VipsForeignLoad{loader}File", False)
    pyvips.block_untrusted_set(True)


def open_picture(source: Path, found: Sniffed, size: tuple[int, int] | None) -> Opened:
    """Open as 8-bit sRGB or grey, upright, its first frame, reduced to `size` (before it is turned upright)."""
    image = _load(source, found, size)
    orientation = image.get(ORIENTATION) if image.get_typeof(ORIENTATION) else 1
    as_stored = size is None and orientation == 1 and not needs_conversion(image)
    if size is not None:
        image = image.thumbnail_image(size[0], height=size[1], size="force", no_rotate=True)
    image = to_srgb(image)
    if orientation != 1:
        image = image.copy_memory().autorot()  # turning needs the pixels in another order than they are decoded
    return Opened(image, as_stored)


def scaled(width: int, height: int, max_side: int | None) -> tuple[int, int] | None:
    """The size that keeps the shape with the longest side at `max_side`; None when the picture is not larger."""
    if max_side is None or max(width, height) <= max_side:
        return None
    scale = max_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def encode(image: pyvips.Image, format: str, quality: int, *, smallest: bool = False) -> bytes:
    """Encode without metadata; JPEG gets white behind transparency; Permanent: encode_failed.

    smallest: half as much processor time again, for a JPEG that is 6-8 % smaller (progressive saves no more).
    """
    side_max = ENCODED_SIDE_MAX[format]
    if max(image.width, image.height) > side_max:
        raise Permanent("encode_failed", f"{format.upper()} pictures have at most {side_max:,} pixels a side.")
    options: dict[str, Any] = {"keep": "none"}
    if format == "jpeg":
        image = image.flatten(background=[255]) if image.hasalpha() else image
        options |= {"Q": quality, "optimize_coding": smallest}
    elif format == "webp":
        options |= {"Q": quality, "effort": WEBP_EFFORT}
    else:
        options |= {"compression": 6, "filter": "all"}
    return bytes(getattr(image, f"{format}save_buffer")(**options))


def _load(source: Path, found: Sniffed, size: tuple[int, int] | None) -> pyvips.Image:
    """Decode the first frame; a JPEG that is to be scaled is decoded at an eighth, quarter or half of its size."""
    if found.format == "bmp":
        return load_bmp(source)
    options: dict[str, Any] = {"access": "sequential", "fail_on": FAIL_ON.get(found.format, "truncated")}
    if found.format == "jpeg" and size is not None:
        options["shrink"] = next((n for n in JPEG_SHRINKS if _still_covers(found, size, n)), 1)
    loader = "heif" if found.format == "avif" else found.format
    return getattr(pyvips.Image, f"{loader}load")(str(source), **options)


def _still_covers(found: Sniffed, size: tuple[int, int], shrink: int) -> bool:
    return found.width >= size[0] * shrink and found.height >= size[1] * shrink
