"""JPEG files as segments: a copy of the pictures' data without anything else in the file."""

import re
from collections.abc import Iterator

from shared.errors import Permanent

SOI, EOI, SOS, DQT = 0xD8, 0xD9, 0xDA, 0xDB
APP0, APP14, APP15, COMMENT = 0xE0, 0xEE, 0xEF, 0xFE
COARSE_PATTERNS = 10
JFIF_BYTES, ADOBE_BYTES = 14, 12
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def without_metadata(jpeg: bytes) -> bytes:
    """Return the same pixels, to the bit, without EXIF, XMP, ICC, comments, thumbnails and trailing data.

    What says how to read the colours (JFIF and Adobe markers) stays. Permanent: decode_failed.
    """
    return b"\xff\xd8" + b"".join(_kept_parts(jpeg)) + b"\xff\xd9"


def coarseness(jpeg: bytes) -> float:
    """The mean step to which the brightness of the coarse patterns was rounded: 16 at quality 40, 3 at 90, or 0."""
    at = 2
    while (found := NEXT_MARKER.search(jpeg, at)) and (marker := jpeg[found.end() - 1]) not in (SOS, EOI):
        start = found.end()
        at = start + int.from_bytes(jpeg[start : start + 2], "big")
        segment = jpeg[start + 2 : at]
        if marker == DQT and segment and segment[0] & 0x0F == 0:
            bytes_each = 1 + (segment[0] >> 4)
            return sum(segment[bytes_each : 1 + COARSE_PATTERNS * bytes_each : bytes_each]) / COARSE_PATTERNS
    return 0.0


def _kept_parts(jpeg: bytes) -> Iterator[bytes]:
    at = 2
    while (found := NEXT_MARKER.search(jpeg, at)) and (marker := jpeg[found.end() - 1]) != EOI:
        start = found.end()
        end = start + int.from_bytes(jpeg[start : start + 2], "big")
        yield _kept_segment(marker, jpeg[start + 2 : end])
        at = end
        if marker == SOS:
            following = NEXT_MARKER.search(jpeg, end)
            at = following.start() if following else len(jpeg)
            yield jpeg[end:at]
    if found is None:
        raise Permanent("decode_failed", "The JPEG has no end.")


def _kept_segment(marker: int, body: bytes) -> bytes:
    if marker == APP0 and body.startswith(b"JFIF\0"):
        body = body[: JFIF_BYTES - 2] + b"\0\0"  # the last two are the size of a thumbnail
    elif marker == APP14 and body.startswith(b"Adobe"):
        body = body[:ADOBE_BYTES]
    elif APP0 <= marker <= APP15 or marker == COMMENT:
        return b""
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
