"""gateway: turns the bytes of an uploaded CSV into records, in bounded memory, or says why it is not one."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from shared.errors import DarkroomError

FAULTS_MAX = 100
RECORD_BYTES_MAX = 2 * 1024 * 1024
READ_BYTES = 64 * 1024
GROUP_RECORDS = 512
GROUP_WEIGHT = 1_000_000  # cells and characters
BYTE_ORDER_MARKS_16 = (b"\xff\xfe", b"\xfe\xff")


class Fault(NamedTuple):
    """One thing that is wrong: in data record `row` (0: the file or its header), in `column` ("": no single one)."""

    row: int
    column: str
    message: str
    hint: str = ""


class InvalidCsv(DarkroomError):
    """The file is refused: `detail` is the first message, `errors` up to 100 of {row, column, message, hint?}."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults[0].message)
        self.faults = faults[:FAULTS_MAX]
        self.detail = faults[0].message
        self.errors: list[dict[str, int | str]] = [
            {key: value for key, value in fault._asdict().items() if key != "hint" or value} for fault in self.faults
        ]


def refused(message: str, hint: str = "") -> InvalidCsv:
    """The refusal of a whole file."""
    return InvalidCsv([Fault(0, "", message, hint)])


def read_records(chunks: Iterable[bytes]) -> Iterator[list[str]]:
    """Yield the records of the lines that are not empty; chunks are of any size.

    Lines end with LF, CRLF or CR; the text is UTF-8, or UTF-16 with its byte order mark. Raises InvalidCsv.
    """
    source = _Source(chunks)
    lines = io.TextIOWrapper(io.BufferedReader(source, READ_BYTES), source.encoding, newline="")
    try:
        for record in csv.reader(lines, skipinitialspace=True):
            source.record_bytes = 0
            if record:
                yield record
    except UnicodeError as error:
        raise refused("File is not UTF-8", str(error)) from error
    except csv.Error as error:
        raise refused(f"Error validating CSV: {error}") from error


def grouped(records: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    """Some records after others: a group ends early when it is large, so that a file of few huge records takes no more
    memory than others."""
    group: list[list[str]] = []
    weight = 0
    for record in records:
        group.append(record)
        weight += len(record) + sum(map(len, record))
        if len(group) == GROUP_RECORDS or weight > GROUP_WEIGHT:
            yield group
            group, weight = [], 0
    if group:
        yield group


def without_trailing_blanks(record: list[str]) -> list[str]:
    """The cells up to the last that is not blank."""
    size = len(record)
    while size and not record[size - 1].strip():
        size -= 1
    return record[:size]


class _Source(io.RawIOBase):
    """Chunks as a byte stream that knows its encoding and refuses a record without end."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        remaining = iter(chunks)
        start = b""
        while len(start) < 2 and (chunk := next(remaining, None)) is not None:
            start += chunk
        self.encoding = "utf-16" if start.startswith(BYTE_ORDER_MARKS_16) else "utf-8-sig"
        self.record_bytes = 0
        self._chunks = chain([start], remaining)
        self._unread = memoryview(b"")

    def readable(self) -> bool:
        """Say that this stream can be read, as BufferedReader asks."""
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill the buffer with what is at hand; 0 at the end."""
        while not self._unread:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._unread = memoryview(chunk)
        size = min(len(buffer), len(self._unread))
        buffer[:size] = self._unread[:size]
        self._unread = self._unread[size:]
        self.record_bytes += size
        if self.record_bytes > RECORD_BYTES_MAX:
            raise refused("Error validating CSV: a row is too long", f"at most {RECORD_BYTES_MAX:,} bytes")
        return size
