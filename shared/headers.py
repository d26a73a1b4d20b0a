"""Sizes out of picture headers, one reader per format, in plain Python: bounded work on any input.

Each reader takes an open file and the number of frames worth counting to, and returns (width, height, frames) as
stored. struct.error means that the file ends inside its header.
"""

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from shared.errors import Permanent

SEGMENTS_MAX = 10_000
OFFSET_MAX = 1 << 62

Extent = tuple[int, int, int]


def _read(file: BinaryIO, layout: str, offset: int | None = None) -> tuple[Any, ...]:
    """Unpack a layout at an offset (or at the current position); struct.error when the file ends before."""
    if offset is not None:
        if offset > OFFSET_MAX:
            raise struct.error("offset beyond any file")
        file.seek(offset)
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _require_bytes(file: BinaryIO, announced: int) -> None:
    present = os.fstat(file.fileno()).st_size
    if present < announced:
        raise Permanent("truncated", f"The header announces {announced:,} bytes, there are {present:,}.")


# JPEG: frame headers are SOF0-15 without DHT, JPG and DAC, which share the range.
JPEG_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


def _jpeg(file: BinaryIO, _frames_max: int) -> Extent:
    file.seek(2)
    for _ in range(SEGMENTS_MAX):
        marker = _jpeg_marker(file)
        if marker in JPEG_BARE_MARKERS:
            continue
        (length,) = _read(file, ">H")
        if marker in JPEG_FRAME_HEADERS:
            _precision, height, width = _read(file, ">BHH")
            return width, height, 1
        if marker in (0xD9, 0xDA) or length < 2:
            break
        file.seek(length - 2, os.SEEK_CUR)
    raise Permanent("decode_failed", "The JPEG has no frame header.")


def _jpeg_marker(file: BinaryIO) -> int:
    """Find the next marker as decoders do: stray bytes before 0xFF and fill bytes after it are skipped."""
    for _ in range(SEGMENTS_MAX):
        byte: int = _read(file, "B")[0]
        while byte == 0xFF:
            byte = _read(file, "B")[0]
            if byte not in (0x00, 0xFF):
                return byte
    raise Permanent("decode_failed", "The JPEG has no frame header.")


def _png(file: BinaryIO, _frames_max: int) -> Extent:
    length, _name, width, height = _read(file, ">I4sII", 8)
    offset, frames = 8 + 12 + length, 1
    for _ in range(SEGMENTS_MAX):
        length, name = _read(file, ">I4s", offset)
        if name in (b"IDAT", b"IEND"):
            break
        if name == b"acTL":
            (frames,) = _read(file, ">I")
        offset += 12 + length
    return width, height, max(1, frames)


def _gif(file: BinaryIO, frames_max: int) -> Extent:
    width, height, flags = _read(file, "<HHB", 6)
    file.seek(13 + _palette_bytes(flags))
    frames = 0
    while frames <= frames_max:
        block = file.read(1)
        if block == b"\x21":
            file.seek(1, os.SEEK_CUR)
        elif block == b"\x2c":
            left, top, frame_width, frame_height, flags = _read(file, "<HHHHB")
            file.seek(_palette_bytes(flags) + 1, os.SEEK_CUR)
            width, height = max(width, left + frame_width), max(height, top + frame_height)
            frames += 1
        else:
            break
        while size := file.read(1):
            if size == b"\x00":
                break
            file.seek(size[0], os.SEEK_CUR)
    if frames == 0:
        raise Permanent("truncated", "The GIF has no frame.")
    return width, height, frames


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(file: BinaryIO, frames_max: int) -> Extent:
    (announced,) = _read(file, "<I", 4)
    _require_bytes(file, announced + 8)
    (name,) = _read(file, "4s", 12)
    if name == b"VP8 ":
        width, height = _read(file, "<HH", 26)
        return width & 0x3FFF, height & 0x3FFF, 1
    if name == b"VP8L":
        (bits,) = _read(file, "<I", 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1
    width_low, width_high, height_low, height_high = _read(file, "<HBHB", 24)
    width, height = (width_low | width_high << 16) + 1, (height_low | height_high << 16) + 1
    return width, height, max(1, _webp_frames(file, announced + 8, frames_max))


def _webp_frames(file: BinaryIO, end: int, frames_max: int) -> int:
    offset, frames = 12, 0
    while offset + 8 <= end and frames <= frames_max:
        name, size = _read(file, "<4sI", offset)
        frames += name == b"ANMF"
        offset += 8 + size + (size & 1)
    return frames


def _bmp(file: BinaryIO, _frames_max: int) -> Extent:
    (pixels_offset,) = _read(file, "<I", 10)
    _require_bytes(file, pixels_offset)
    (header_bytes,) = _read(file, "<I", 14)
    width, height = _read(file, "<HH") if header_bytes == 12 else _read(file, "<ii")
    return width, abs(height), 1


TIFF_WIDTH, TIFF_HEIGHT = 256, 257
TIFF_VALUES = {1: "B", 3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True)
class _TiffLayout:
    """The two sizes in which TIFF directories come: classic and BigTIFF."""

    first: str
    count: str
    entry: str
    offset: str


CLASSIC_TIFF = _TiffLayout("4xI", "H", "HHI4s", "I")
BIG_TIFF = _TiffLayout("8xQ", "Q", "HHQ8s", "Q")


def _tiff(file: BinaryIO, frames_max: int) -> Extent:
    (order,) = _read(file, "2s", 0)
    endian = "<" if order == b"II" else ">"
    (magic,) = _read(file, endian + "H")
    layout = BIG_TIFF if magic == 43 else CLASSIC_TIFF
    (directory,) = _read(file, endian + layout.first, 0)
    width = height = pages = 0
    seen: set[int] = set()
    while directory and directory not in seen and pages <= frames_max:
        seen.add(directory)
        tags, directory = _tiff_directory(file, directory, endian, layout)
        if pages == 0:
            width, height = tags.get(TIFF_WIDTH, 0), tags.get(TIFF_HEIGHT, 0)
        pages += 1
    return width, height, max(1, pages)


def _tiff_directory(file: BinaryIO, offset: int, endian: str, layout: _TiffLayout) -> tuple[dict[int, int], int]:
    """Return the width and height tags of one directory and the offset of the next."""
    (count,) = _read(file, endian + layout.count, offset)
    tags: dict[int, int] = {}
    for _ in range(min(count, SEGMENTS_MAX)):
        tag, kind, _number, value = _read(file, endian + layout.entry)
        if tag in (TIFF_WIDTH, TIFF_HEIGHT) and kind in TIFF_VALUES:
            (tags[tag],) = struct.unpack_from(endian + TIFF_VALUES[kind], value)
    (following,) = _read(file, endian + layout.offset)
    return tags, following


AVIF_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}


def _avif(file: BinaryIO, _frames_max: int) -> Extent:
    """The largest announced extent: a grid's tiles and thumbnails are smaller than the picture that they make."""
    width = height = 0
    frames = 1
    for name, start in _boxes(file, 0, os.fstat(file.fileno()).st_size):
        if name == b"ispe":
            width, height = max((width, height), _read(file, ">II", start + 4), key=lambda size: size[0] * size[1])
        elif name == b"stsz":
            frames = max(frames, *_read(file, ">I", start + 8))
    if width * height == 0:
        raise Permanent("truncated", "The AVIF header announces no size.")
    return width, height, frames


def _boxes(file: BinaryIO, start: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int]]:
    """Walk ISO base media boxes: name and offset of the body of each."""
    for _ in range(SEGMENTS_MAX):
        if start + 8 > end or depth > 8:
            return
        size, name = _read(file, ">I4s", start)
        body = start + 8
        if size == 1:
            (size,) = _read(file, ">Q", body)
            body += 8
        stop = end if size == 0 else min(end, start + size)
        if stop < body:
            return
        yield name, body
        if name in AVIF_CONTAINERS:
            yield from _boxes(file, body + AVIF_CONTAINERS[name], stop, depth + 1)
        start = stop


READERS: dict[str, Callable[[BinaryIO, int], Extent]] = {
    "jpeg": _jpeg,
    "png": _png,
    "gif": _gif,
    "webp": _webp,
    "tiff": _tiff,
    "bmp": _bmp,
    "avif": _avif,
}
