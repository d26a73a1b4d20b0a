"""gateway: reads a product CSV as a stream of images, and says everything that is wrong with it.

One record names one product: a serial number, a name, and one or more URLs. The URLs stand in a quoted list
(`1,Chair,"http://a/1.jpg,http://a/2.jpg"`) or in fields of their own (`1,Chair,http://a/1.jpg,http://a/2.jpg`), also
both in one file. When the URL column is not the last one, surplus fields still belong to it: the columns behind it are
counted from the end of the record. A comma inside a URL cannot be told from a separator, so a part that does not start
with http:// or https:// is refused; such a comma is written %2C. A record of nothing but commas is a blank line.
"""

from array import array
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, repeat
from typing import NamedTuple

from services.gateway.csv_records import (
    FAULTS_MAX,
    Fault,
    InvalidCsv,
    grouped,
    read_records,
    refused,
    without_trailing_blanks,
)
from services.gateway.product_checks import (
    COLUMNS,
    NO_SERIAL,
    SERIAL_COLUMN,
    CsvLimits,
    are_plain,
    is_serial,
    judge,
    repeated_rows,
)

__all__ = ["COLUMNS", "CsvLimits", "Fault", "InvalidCsv", "ProductImage", "read_product_csv"]


class ProductImage(NamedTuple):
    """One URL of one product: `item` counts data records from 1, `position` the product's URLs from 0."""

    item: int
    serial: int
    name: str
    position: int
    item_size: int
    url: str


_image = partial(tuple.__new__, ProductImage)  # builds one in half the time that its constructor takes


class _Layout(NamedTuple):
    """Where a record holds its serial number and name (from the end, when behind the URLs) and its URLs."""

    serial: int
    name: int
    urls: slice


def read_product_csv(chunks: Iterable[bytes], *, limits: CsvLimits) -> Iterator[ProductImage]:
    """Yield the images of a file that arrives in chunks of any size; memory is flat but for 8 bytes a row.

    Raises InvalidCsv: at once for a fault of the file (header, encoding, a limit), at the end for faults of rows, after
    the first of which nothing more is yielded. So what was yielded counts only when the iterator ends without raising.
    """
    records = read_records(chunks)
    header = next(filter(None, map(without_trailing_blanks, records)), [])
    rows = _Rows(_layout([cell.strip() for cell in header]), limits)
    try:
        for group in grouped(records):
            yield from rows.read(group)
            if len(rows.faults) >= FAULTS_MAX:
                break
    except InvalidCsv as stopped:
        raise InvalidCsv([*stopped.faults, *rows.all_faults()]) from stopped
    if faults := rows.all_faults():
        raise InvalidCsv(faults)
    if not rows.count:
        raise refused("no data rows")


def _layout(header: list[str]) -> _Layout:
    expected = f"the header must be: {','.join(COLUMNS)}"
    if "\0" in "".join(header):
        raise refused("File is not UTF-8", "it holds NUL characters; UTF-16 needs its byte order mark")
    if not set(COLUMNS) <= set(header):
        raise refused("Missing required columns", expected)
    if len(header) != len(COLUMNS):
        raise refused("Invalid number of columns", expected)
    serial, name, urls = (header.index(column) for column in COLUMNS)
    return _Layout(
        serial if serial < urls else serial - len(COLUMNS),
        name if name < urls else name - len(COLUMNS),
        slice(urls, (urls + 1 - len(COLUMNS)) or None),
    )


class _Rows:
    """Reads record after record; keeps which serial numbers there were and what was wrong."""

    def __init__(self, layout: _Layout, limits: CsvLimits) -> None:
        self.count = 0
        self.faults: list[Fault] = []
        self._layout = layout
        self._limits = limits
        self._serials = array("q")

    def read(self, records: list[list[str]]) -> Iterable[ProductImage]:
        """The images of the next records; none of a blank one, and none from the first fault on."""
        return self._read_at_once(records) or chain.from_iterable(map(self._read_closely, records))

    def all_faults(self) -> list[Fault]:
        """The first faults by row, one a row, with those of serial numbers that an earlier row has."""
        known = {fault.row for fault in self.faults}
        repeated = [
            Fault(row, SERIAL_COLUMN, f"Duplicate serial number in row {row}", f"row {earlier} has it too")
            for row, earlier in repeated_rows(self._serials, len(known) + FAULTS_MAX)
            if row not in known
        ]
        return sorted([*self.faults, *repeated])[:FAULTS_MAX]

    def _read_at_once(self, records: list[list[str]]) -> Iterable[ProductImage] | None:
        """The images of good records with one URL each, column by column; None when one needs a closer look."""
        if self.faults or set(map(len, records)) != {len(COLUMNS)} or self.count + len(records) > self._limits.rows_max:
            return None
        columns = list(zip(*records, strict=True))
        digits = columns[self._layout.serial]
        names = list(map(str.strip, columns[self._layout.name]))
        urls = list(map(str.strip, columns[self._layout.urls.start]))
        if not are_plain(digits, names, urls, self._limits):
            return None
        serials = array("q", map(int, digits))
        rows = range(self.count + 1, self.count + 1 + len(records))
        self.count += len(records)
        self._serials.extend(serials)
        return map(_image, zip(rows, serials, names, repeat(0), repeat(1), urls))  # noqa: B905

    def _read_closely(self, record: list[str]) -> Iterable[ProductImage]:
        """The images of one record of any layout; nothing of a blank one; one at fault adds to `faults`."""
        record = without_trailing_blanks(record)
        if not record:
            return ()
        if self.count == self._limits.rows_max:
            raise refused(f"More than {self._limits.rows_max:,} rows")
        self.count += 1
        serial, name, urls = self._judged(record + [""] * (len(COLUMNS) - len(record)))
        self._serials.append(serial)
        if self.faults:
            return ()
        row, size = self.count, len(urls)
        return [_image((row, serial, name, position, size, url)) for position, url in enumerate(urls)]

    def _judged(self, record: list[str]) -> tuple[int, str, list[str]]:
        layout = self._layout
        digits, name = record[layout.serial].strip(), record[layout.name].strip()
        urls = without_trailing_blanks([url.strip() for cell in record[layout.urls] for url in cell.split(",")])
        if wrong := judge(digits, name, urls, self._limits):
            self.faults.append(Fault(self.count, wrong.column, f"{wrong.problem} in row {self.count}", wrong.hint))
        return int(digits) if is_serial(digits) else NO_SERIAL, name, urls
