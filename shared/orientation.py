"""How a picture is turned when it is looked at, read from its header in plain Python: bounded work on any input.

JPEG, PNG and WebP say it in EXIF, TIFF in a tag of its own (both: EXIF 2.3, tag 0x0112), AVIF in the box `irot` (ISO
23008-12). A header that says it wrongly counts as one that does not say it.
"""

import io
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from shared.sniff import Sniffed

ORIENTATION_TAG = 0x0112
SHORT = 3
ON_ITS_SIDE = frozenset({5, 6, 7, 8})
EXIF_BYTES_MAX = 1 << 16
PARTS_MAX = 10_000
ENTRIES_MAX = 1_000


def upright_size(path: Path, found: Sniffed) -> tuple[int, int]:
    """Width and height of a sniffed picture as it is looked at, in pixels."""
    if found.format not in READERS:
        return found.width, found.height
    with path.open("rb") as file:
        try:
            turned = READERS[found.format](file) in ON_ITS_SIDE
        except (struct.error, OSError, OverflowError):
            turned = False
    return (found.height, found.width) if turned else (found.width, found.height)


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _tiff(file: BinaryIO) -> int:
    """The orientation that the first directory of a TIFF (or of EXIF, which is one) tells; 1 when it tells none."""
    start = file.tell()
    endian = "<" if file.read(2) == b"II" else ">"
    magic, first = _unpack(file, endian + "HI")
    if magic != 42:
        return 1
    file.seek(start + first)
    (entries,) = _unpack(file, endian + "H")
    for _ in range(min(entries, ENTRIES_MAX)):
        tag, kind, _count, value, _rest = _unpack(file, endian + "HHIHH")
        if tag == ORIENTATION_TAG:
            return value if kind == SHORT else 1
    return 1


def _exif(content: bytes) -> int:
    return _tiff(io.BytesIO(content.removeprefix(b"Exif\0\0")))


def _jpeg(file: BinaryIO) -> int:
    file.seek(2)
    for _ in range(PARTS_MAX):
        (fill, marker, length) = _unpack(file, ">BBH")
        if fill != 0xFF or marker in (0xD9, 0xDA) or length < 2:
            break
        if marker == 0xE1 and (content := file.read(length - 2)).startswith(b"Exif\0\0"):
            return _exif(content)
        if marker != 0xE1:
            file.seek(length - 2, os.SEEK_CUR)
    return 1


def _png(file: BinaryIO) -> int:
    file.seek(8)
    for _ in range(PARTS_MAX):
        (length,) = _unpack(file, ">I")
        name = file.read(4)
        if name == b"eXIf":
            return _exif(file.read(min(length, EXIF_BYTES_MAX)))
        if name == b"IEND":
            break
        file.seek(length + 4, os.SEEK_CUR)
    return 1


def _webp(file: BinaryIO) -> int:
    file.seek(12)
    for _ in range(PARTS_MAX):
        name = file.read(4)
        (length,) = _unpack(file, "<I")
        if name == b"EXIF":
            return _exif(file.read(min(length, EXIF_BYTES_MAX)))
        file.seek(length + (length & 1), os.SEEK_CUR)
    return 1


def _avif(file: BinaryIO) -> int:
    """6 when the picture is turned by a quarter, to either side; else 1. `irot` stands at meta/iprp/ipco."""
    start, end = 0, os.fstat(file.fileno()).st_size
    for container, fields_bytes in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0)):
        found = next(((body, stop) for name, body, stop in _boxes(file, start, end) if name == container), None)
        if found is None:
            return 1
        start, end = found[0] + fields_bytes, found[1]
    for name, body, _ in _boxes(file, start, end):
        if name == b"irot":
            file.seek(body)
            return 6 if _unpack(file, "B")[0] & 1 else 1
    return 1


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes that stand side by side: name, and where the body begins and ends."""
    for _ in range(PARTS_MAX):
        if start + 8 > end:
            return
        file.seek(start)
        (size,) = _unpack(file, ">I")
        name = file.read(4)
        stop = end if size == 0 else min(end, start + size)
        if stop < start + 8:
            return
        yield name, start + 8, stop
        start = stop


READERS: dict[str, Callable[[BinaryIO], int]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "tiff": _tiff,
    "avif": _avif,
}
