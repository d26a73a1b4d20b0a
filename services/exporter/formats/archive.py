"""A ZIP archive written to a file as it grows, with its directory on disk instead of in memory.

zipstream-ng keeps an object of about 500 bytes for every entry until the end, half a gigabyte for a million images.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol
from zipfile import ZIP_STORED

from zipstream import ZipStream

CHUNK_BYTES = 1 << 18
_LENGTH = struct.Struct("<I")


class _Entry(Protocol):
    def _central_directory_header_data(self) -> bytes: ...


class _Record(bytes):
    """An entry of the directory, already in its final form."""

    def _central_directory_header_data(self) -> bytes:
        return self


class _Directory:
    """Stands in for ZipStream's list of entries: appended to, counted, and read once at the end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._count = 0

    def append(self, entry: _Entry) -> None:
        record = entry._central_directory_header_data()
        self._file.write(_LENGTH.pack(len(record)) + record)
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[_Record]:
        self._file.seek(0)
        while length := self._file.read(_LENGTH.size):
            yield _Record(self._file.read(_LENGTH.unpack(length)[0]))


class Archive:
    """Entries are stored without compression unless it is asked for; names are taken as they come (shared/names.py)."""

    def __init__(self, file: BinaryIO, directory: BinaryIO) -> None:
        self._file = file
        self._stream = ZipStream()
        self._stream._filelist = _Directory(directory)

    def store(self, name: str, content: Iterable[bytes], size: int | None, compression: int = ZIP_STORED) -> int:
        """Add one entry and return its bytes; an unknown size costs 20 bytes for ZIP64 fields."""
        counted = _Counted(content)
        self._stream.add(counted, name, size=size, compress_type=compression)
        self._file.writelines(self._stream.file())
        return counted.size

    def finish(self) -> None:
        """Write the directory; nothing can be added afterwards."""
        self._file.writelines(self._stream.finalize())


class _Counted:
    """Chunks that remember how many bytes have passed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.size = 0
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            yield chunk


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """What is left of an open file, in chunks of at most CHUNK_BYTES."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
