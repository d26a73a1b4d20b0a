"""Reports as spreadsheets: as many sheets of results as it takes, and one about the batch; text is never more."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from services.exporter.formats.xlsx import SHEET_ROWS_MAX, fit, put_text
from services.exporter.report_rows import BASE_COLUMNS, Report, ReportRow
from shared.errors import Permanent

SHEET_COLUMNS_MAX = 16_384
COLUMN_WIDTHS = (60, 10, 10, 60, 30, 30, 60, 40, 14, 26, 38)
CARRIED_WIDTH = 20


def save_xlsx(
    pages: Iterator[Sequence[ReportRow]], path: Path, report: Report, *, rows_max: int = SHEET_ROWS_MAX
) -> None:
    """Write the report to `path`; memory holds a page. rows_max: lines of a sheet with its header.

    Raises Permanent `too_many_columns` beyond a sheet's limit.
    """
    titles = (*BASE_COLUMNS.values(), *report.columns.names)
    if len(titles) > SHEET_COLUMNS_MAX:
        raise Permanent("too_many_columns", f"A sheet has at most {SHEET_COLUMNS_MAX:,} columns.")
    # The folder takes XlsxWriter's scratch files along when writing fails half-way.
    with TemporaryDirectory(dir=path.parent, prefix=".xlsx-") as scratch:
        workbook = Workbook(str(path), {"constant_memory": True, "tmpdir": scratch})
        workbook.use_zip64()
        sheets = _Sheets(workbook, titles)
        for row in chain.from_iterable(pages):
            if sheets.line == rows_max - 1:
                sheets.begin()
            sheets.add(report.cells(row))
        if report.has_metadata:
            sheets.add_properties(report)
        workbook.close()


class _Sheets:
    """The sheets of results, "Results", "Results 2" and so on, each with a bold header that stays in view."""

    def __init__(self, workbook: Workbook, titles: Sequence[str]) -> None:
        self.line = 0
        self._count = 0
        self._workbook = workbook
        self._titles = titles
        self._plain = workbook.add_format()
        self._bold = workbook.add_format({"bold": True})
        self.begin()

    def begin(self) -> None:
        """Go on in a new sheet."""
        self.line = 0
        self._count += 1
        self._sheet = self._new_sheet("Results" if self._count == 1 else f"Results {self._count}", self._titles)

    def add(self, cells: Sequence[str | float]) -> None:
        """Write a line below the last one."""
        self.line += 1
        for column, cell in enumerate(cells):
            if isinstance(cell, str):
                self._put(self._sheet, self.line, column, cell)
            else:
                self._sheet.write_number(self.line, column, cell)

    def add_properties(self, report: Report) -> None:
        """Add the sheet about the batch, or about the report where it is about several."""
        sheet = self._new_sheet("Metadata", ("Property", "Value"))
        for line, (title, value) in enumerate(report.properties.values(), start=1):
            self._put(sheet, line, 0, title)
            if isinstance(value, int):
                sheet.write_number(line, 1, value)
            else:
                self._put(sheet, line, 1, value or "")

    def _new_sheet(self, name: str, titles: Sequence[str]) -> Worksheet:
        sheet = self._workbook.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for column, title in enumerate(titles):
            width = COLUMN_WIDTHS[column] if column < len(COLUMN_WIDTHS) else CARRIED_WIDTH
            sheet.set_column(column, column, width)
            put_text(sheet, 0, column, fit([title], "")[0], self._bold, self._bold)
        return sheet

    def _put(self, sheet: Worksheet, line: int, column: int, text: str) -> None:
        put_text(sheet, line, column, fit([text], "")[0], self._plain)
