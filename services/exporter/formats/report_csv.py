"""Reports as CSV: a few comment lines about the batch, then a table that no spreadsheet takes for formulas."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from services.exporter.cells import inert
from services.exporter.formats.csv import ENCODING_ERRORS
from services.exporter.report_rows import BASE_COLUMNS, Report, ReportRow

COMMENTED = ("batch_id", "batch_name", "export_date", "total_records", "batch_status")
LINE_END = "\r\n"
_SEPARATOR = re.compile(r"([,;])")


def save_csv(pages: Iterator[Sequence[ReportRow]], path: Path, report: Report) -> None:
    """Write the report to `path`; memory holds a page."""
    with path.open("w", encoding="utf-8", errors=ENCODING_ERRORS, newline="") as file:
        file.writelines(line + LINE_END for line in comments(report))
        writer = csv.writer(file, lineterminator=LINE_END)
        writer.writerow(map(inert, (*BASE_COLUMNS, *report.columns.names)))
        for row in chain.from_iterable(pages):
            writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in report.cells(row)])


def comments(report: Report) -> list[str]:
    """The lines before the table, each beginning with "# "; none unless the report is about one batch."""
    if not report.has_metadata or report.section is None:
        return []
    properties = [report.properties[name] for name in COMMENTED]
    told = [f"{title}: {commented(str(value))}" for title, value in properties]
    return [f"# {line}" for line in ("Batch Export Report", *told, "")]


def commented(text: str) -> str:
    """Text that stays in its comment: one line, no quote that a reader would close, no cell that is a formula."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split()).replace('"', "'")
    return "".join(map(inert, _SEPARATOR.split(line)))
