"""What a file's header says about a picture, read in plain Python so that no decoder sees a stranger's bytes here.

Only the header is judged: format by content (never by name), size in pixels as stored (before EXIF orientation),
and the number of frames or pages. That the pixels decode is found out later, in the sandbox.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.errors import Permanent
from shared.headers import READERS

PIXELS_MAX = 50_000_000
FRAMES_MAX = 1_000
ANIMATION_PIXELS_MAX = 1_000_000_000
SIGNATURE_BYTES = 1_024
BMP_HEADER_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})


@dataclass(frozen=True)
class Sniffed:
    """A picture as its header describes it; width and height are those stored, before EXIF orientation."""

    format: str
    width: int
    height: int
    frames: int


def sniff(
    path: Path,
    *,
    pixels_max: int = PIXELS_MAX,
    frames_max: int = FRAMES_MAX,
    animation_pixels_max: int = ANIMATION_PIXELS_MAX,
) -> Sniffed:
    """Read the header of `path`.

    Permanent: not_an_image, unsupported_format, truncated, decode_failed (a size of zero), too_many_pixels,
    too_many_frames.
    """
    with path.open("rb") as file:
        kind = recognise(file.read(SIGNATURE_BYTES))
        try:
            width, height, frames = READERS[kind](file, frames_max)
        except struct.error as error:
            raise Permanent("truncated", f"The file ends inside its {kind.upper()} header.") from error
    found = Sniffed(kind, width, height, frames)
    _check(found, pixels_max, frames_max, animation_pixels_max)
    return found


def recognise(start: bytes) -> str:
    """Name the format that a file's first bytes announce; Permanent: not_an_image, unsupported_format."""
    for name, matches in SIGNATURES.items():
        if matches(start):
            return name
    refused = next((name for name, matches in REFUSED_SIGNATURES.items() if matches(start)), None)
    if refused is not None:
        raise Permanent("unsupported_format", f"{refused} files are not accepted.")
    raise Permanent("not_an_image", "The content is not a picture in a format that we know.")


def _check(found: Sniffed, pixels_max: int, frames_max: int, animation_pixels_max: int) -> None:
    pixels = found.width * found.height
    if pixels <= 0 or found.frames <= 0:
        raise Permanent("decode_failed", "The header announces a picture without pixels.")
    if found.frames > frames_max:
        raise Permanent("too_many_frames", f"More than {frames_max:,} frames or pages.")
    if pixels > pixels_max or pixels * found.frames > max(animation_pixels_max, pixels_max):
        size = f"{found.width}x{found.height}" + (f", {found.frames} frames" if found.frames > 1 else "")
        raise Permanent("too_many_pixels", f"{size} is beyond the limit of {pixels_max:,} pixels.")


def _brands(start: bytes) -> frozenset[bytes]:
    """The major and compatible brands of an ISO base media file."""
    if start[4:8] != b"ftyp":
        return frozenset()
    size = min(int.from_bytes(start[:4], "big"), len(start))
    return frozenset(start[at : at + 4] for at in (8, *range(16, size, 4)))


def _is_bmp(start: bytes) -> bool:
    return start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in BMP_HEADER_BYTES


def _starts(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(prefixes)


SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "jpeg": _starts(b"\xff\xd8\xff"),
    "png": _starts(b"\x89PNG\r\n\x1a\n"),
    "gif": _starts(b"GIF87a", b"GIF89a"),
    "webp": lambda start: start[:4] == b"RIFF" and start[8:12] == b"WEBP",
    "tiff": _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "bmp": _is_bmp,
    "avif": lambda start: bool(_brands(start) & {b"avif", b"avis"}),
}
REFUSED_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "SVG": lambda start: b"<svg" in start.lower(),
    "EPS": _starts(b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "PDF": _starts(b"%PDF"),
    "PSD": _starts(b"8BPS"),
    "JPEG XL": _starts(b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "JPEG 2000": _starts(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "ICO": _starts(b"\0\0\1\0"),
    "HEIC": lambda start: bool(_brands(start) & {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}),
}
