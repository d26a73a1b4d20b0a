"""Reports as spreadsheets: read back by openpyxl and, cell by cell, from their XML."""

import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest

from services.exporter.formats.report_xlsx import save_xlsx
from services.exporter.formats.xlsx import CELL_UNITS_MAX
from services.exporter.report_rows import Report, ReportRow
from shared.errors import Permanent
from tests.unit.report_samples import BATCH_ID, WICKED, about, failed_row, report_row, saved

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TITLES = (
    "URL", "Success", "Store Front", "Text Content", "Store Name", "Business Contact", "Image Description",
    "Error Message", "Processing Time (seconds)", "Created At", "Batch ID",
)  # fmt: skip

Tables = dict[str, list[tuple[Any, ...]]]


def tables(tmp_path: Path, rows: list[ReportRow], told: Report, **options: Any) -> Tables:
    """The sheets by their names, as openpyxl reads them."""
    saved(save_xlsx, tmp_path / "report.xlsx", rows, told, **options)
    book = openpyxl.load_workbook(tmp_path / "report.xlsx")
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def cells(path: Path, number: int = 1) -> list[ElementTree.Element]:
    """The cells of a sheet, from its XML."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        root = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
    return root.findall(f"{SPACE}sheetData/{SPACE}row/{SPACE}c")


def test_two_readers_find_the_results_and_what_they_are_about(tmp_path: Path) -> None:
    rows = [report_row(1, carried='["7"]'), failed_row(2)]
    found = tables(tmp_path, rows, about(rows, ["rank"]))
    header, first, second = found["Results"]
    assert header == (*TITLES, "rank")
    assert first[:8] == ("https://origin.example/1.jpg", "Yes", "Yes", "CAFÉ", "Café", "+49 30 1234567", "Bright", None)
    assert first[8:] == (0.75, "2026-01-02T03:04:06.678Z", str(BATCH_ID), "7")
    assert (second[1], second[7]) == ("No", "http_404: The server answered 404.")
    assert found["Metadata"] == [
        ("Property", "Value"),
        ("Batch ID", str(BATCH_ID)),
        ("Batch Name", "Shops"),
        ("Export Date", "2026-01-02T03:04:05.678Z"),
        ("Total Records", 2),
        ("Batch Status", "completed"),
        ("Batch Created", "2026-01-02T03:04:05.678Z"),
        ("Batch Started", None),
    ]
    for number, sheet in enumerate(found.values(), start=1):
        texts = ["".join(cell.itertext()) for cell in cells(tmp_path / "report.xlsx", number)]
        assert texts == [str(cell) for line in sheet for cell in line if cell is not None]


def test_about_several_batches_the_metadata_is_the_exports_own(tmp_path: Path) -> None:
    found = tables(tmp_path, [], about([], section=None))["Metadata"]
    assert found == [("Property", "Value"), ("Export Date", "2026-01-02T03:04:05.678Z"), ("Total Records", 0)]


def test_without_metadata_there_is_one_sheet_and_without_rows_its_header(tmp_path: Path) -> None:
    assert tables(tmp_path, [], about([], has_metadata=False)) == {"Results": [TITLES]}


def test_results_go_on_in_further_sheets_when_one_is_full(tmp_path: Path) -> None:
    rows = [report_row(number) for number in range(5)]
    found = tables(tmp_path, rows, about(rows), rows_max=3)
    assert list(found) == ["Results", "Results 2", "Results 3", "Metadata"]
    assert [len(sheet) - 1 for sheet in found.values()][:3] == [2, 2, 1]
    told = [line[0] for name in list(found)[:3] for line in found[name][1:]]
    assert told == [row.url for row in rows]
    assert [found[name][0] for name in list(found)[:3]] == [TITLES] * 3


def test_a_sheet_that_is_just_full_begets_no_empty_one(tmp_path: Path) -> None:
    rows = [report_row(number) for number in range(4)]
    assert list(tables(tmp_path, rows, about(rows, has_metadata=False), rows_max=3)) == ["Results", "Results 2"]


def test_the_header_is_bold_and_stays_in_view(tmp_path: Path) -> None:
    saved(save_xlsx, tmp_path / "report.xlsx", [report_row()], about([report_row()], ["<r>x</r>", "y"]))
    sheet = openpyxl.load_workbook(tmp_path / "report.xlsx")["Results"]
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet["L1"].value == "<r>x</r>"
    assert not any(cell.font.bold for cell in sheet[2])
    assert sheet.freeze_panes == "A2"


def test_wicked_texts_are_text_and_nothing_else(tmp_path: Path) -> None:
    rows = [report_row(number, text_content=text, url=text) for number, text in enumerate(WICKED)]
    saved(save_xlsx, tmp_path / "report.xlsx", rows, about(rows, list(WICKED)))
    found = cells(tmp_path / "report.xlsx")
    assert {cell.get("t") for cell in found} <= {"inlineStr", "n", None}
    assert not [element for cell in found for element in cell.iter(f"{SPACE}f")]
    with zipfile.ZipFile(tmp_path / "report.xlsx") as archive:
        assert not [name for name in archive.namelist() if "rels" in name and "sheet" in name]
        assert b"<hyperlink" not in archive.read("xl/worksheets/sheet1.xml")
    short = [text for text in WICKED if len(text) < 100 and text.isprintable() and text != "_x0041_"]
    texts = {"".join(cell.itertext()) for cell in found}
    assert set(short) <= texts
    assert max(len(text.encode("utf-16-le")) // 2 for text in texts) <= CELL_UNITS_MAX


def test_more_columns_than_a_sheet_has_are_refused(tmp_path: Path) -> None:
    names = [f"column {number}" for number in range(16_384 - len(TITLES))]
    assert tables(tmp_path, [], about([], names))["Results"] == [(*TITLES, *names)]
    with pytest.raises(Permanent, match="at most 16,384 columns"):
        tables(tmp_path, [], about([], [*names, "one more"]))
