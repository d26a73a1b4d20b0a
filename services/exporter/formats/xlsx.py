"""Products as a spreadsheet: every text is a string cell, so nothing in it can become a formula or a link.

Limits are those of Excel: 1,048,576 rows a sheet, 32,767 UTF-16 units a cell.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from services.exporter.cells import number_or_text
from services.exporter.formats.csv import COLUMNS, PROBLEM_SEPARATOR, PROBLEMS_COLUMN
from services.exporter.pages import hand_over
from services.exporter.results import Pages, Product, ResultRow, Written, products_of
from shared.errors import Permanent

SHEET_ROWS_MAX = 1_048_576
CELL_UNITS_MAX = 32_767
COLUMN_WIDTHS = (10, 30, 60, 60, 60)
NOTE_UNITS_MAX = 60


async def write_xlsx(
    pages: Pages, path: Path, *, with_problems: bool = False, rows_max: int = SHEET_ROWS_MAX
) -> Written:
    """Write one line per product to `path`; raises Permanent `too_many_rows` beyond a sheet's limit.

    rows_max: lines of the sheet with its header.
    """
    return await hand_over(pages, partial(_save, path=path, with_problems=with_problems, rows_max=rows_max))


def _save(pages: Iterator[Sequence[ResultRow]], *, path: Path, with_problems: bool, rows_max: int) -> Written:
    # The folder takes XlsxWriter's scratch files along when writing fails half-way.
    with TemporaryDirectory(dir=path.parent, prefix=".xlsx-") as scratch:
        workbook = Workbook(str(path), {"constant_memory": True, "tmpdir": scratch})
        workbook.use_zip64()
        columns = (*COLUMNS, PROBLEMS_COLUMN) if with_problems else COLUMNS
        sheet = _Sheet(workbook, columns)
        for line, product in enumerate(products_of(chain.from_iterable(pages)), start=1):
            if line >= rows_max:
                raise Permanent("too_many_rows", f"A sheet holds {rows_max - 1:,} products. Choose csv or json.")
            sheet.add(line, product, with_problems=with_problems)
        workbook.close()
    return Written(rows=sheet.lines, cells_shortened=sheet.cells_shortened)


class _Sheet:
    """The one sheet of the workbook, with a bold header that stays in view."""

    def __init__(self, workbook: Workbook, columns: Sequence[str]) -> None:
        self.lines = 0
        self.cells_shortened = 0
        self._sheet: Worksheet = workbook.add_worksheet("Results")
        self._plain: Format = workbook.add_format()
        bold = workbook.add_format({"bold": True})
        self._sheet.freeze_panes(1, 0)
        for column, name in enumerate(columns):
            self._sheet.set_column(column, column, COLUMN_WIDTHS[column])
            self._sheet.write_string(0, column, name, bold)

    def add(self, line: int, product: Product, *, with_problems: bool) -> None:
        """Write a product to a line, counted from 0 at the header."""
        key = number_or_text(product.key)
        if isinstance(key, int):
            self._sheet.write_number(line, 0, key)
        else:
            self._put(line, 0, [key], "")
        self._put(line, 1, [product.name], "")
        self._put(line, 2, product.inputs, ",")
        self._put(line, 3, product.outputs, ",")
        if with_problems:
            self._put(line, 4, product.problems, PROBLEM_SEPARATOR)
        self.lines = line

    def _put(self, line: int, column: int, parts: Sequence[str], separator: str) -> None:
        text, shortened = fit(parts, separator)
        self.cells_shortened += shortened
        put_text(self._sheet, line, column, text, self._plain)


def put_text(sheet: Worksheet, line: int, column: int, text: str, plain: Format, style: Format | None = None) -> None:
    """Write text into a cell as text, whatever it looks like; `plain` is the format of its letters."""
    if text.startswith("<r>") and text.endswith("</r>"):
        # In constant memory XlsxWriter takes such a string for its own markup and writes it unescaped.
        sheet.write_rich_string(line, column, text[0], plain, text[1:], *([style] if style else []))
    elif text:
        sheet.write_string(line, column, text, style)


def fit(parts: Sequence[str], separator: str, units_max: int = CELL_UNITS_MAX) -> tuple[str, bool]:
    """Join the parts as far as a cell holds them, saying how many are missing; True when something was left out."""
    whole = separator.join(parts)
    if len(whole) * 2 <= units_max or _units(whole) <= units_max:
        return whole, False
    room = units_max - NOTE_UNITS_MAX
    kept = list(_fitting(parts, separator, room))
    missing = len(parts) - len(kept)
    if len(parts) == 1:
        return f"{_cut(whole, room)} … (shortened: the cell is full)", True
    return f"{separator.join(kept)} … ({missing:,} more: the cell is full)", True


def _fitting(parts: Iterable[str], separator: str, room: int) -> Iterator[str]:
    for part in parts:
        room -= _units(part) + _units(separator)
        if room < 0:
            return
        yield part


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le", "replace")[: units * 2].decode("utf-16-le", "ignore")


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)
