"""The spreadsheet: read back by openpyxl and, cell by cell, from its XML."""

import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest

from services.exporter.formats.xlsx import CELL_UNITS_MAX, fit, write_xlsx
from services.exporter.results import ResultRow, Written
from shared.errors import Permanent
from tests.unit.result_rows import chair_and_table, failed, pages, row

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


async def _written(tmp_path: Path, rows: list[ResultRow], **options: Any) -> Path:
    path = tmp_path / "results.xlsx"
    await write_xlsx(pages(rows), path, **options)
    return path


def _table(path: Path) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(path, read_only=False)["Results"].iter_rows(values_only=True))


def _cells(path: Path) -> list[ElementTree.Element]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        root = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    return root.findall(f"{SPACE}sheetData/{SPACE}row/{SPACE}c")


def _texts(path: Path) -> list[str]:
    return ["".join(cell.itertext()) for cell in _cells(path)]


async def test_two_readers_find_the_same_table(tmp_path: Path) -> None:
    path = await _written(tmp_path, chair_and_table(), with_problems=True)
    first, second = _table(path)[1:]
    assert first == (
        1,
        "Chair, red",
        "https://origin.example/1.jpg,https://origin.example/2.jpg",
        "https://darkroom.example/api/image/1.jpg,",
        "2: http_404 The server answered 404.",
    )
    assert second[:2] == (2, 'Table "Höhe" 東京')
    assert _texts(path) == [str(cell) for line in _table(path) for cell in line if cell is not None]


async def test_the_header_is_bold_and_stays_in_view(tmp_path: Path) -> None:
    sheet = openpyxl.load_workbook(await _written(tmp_path, [row(1)]))["Results"]
    assert [cell.value for cell in sheet[1]] == ["S. No.", "Product Name", "Input Image Urls", "Output Image Urls"]
    assert all(cell.font.bold for cell in sheet[1])
    assert not any(cell.font.bold for cell in sheet[2])
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["B"].width >= 30


async def test_nothing_becomes_a_formula_or_a_link(tmp_path: Path) -> None:
    rows = [row(1, item_key="=1+1", item_name='=HYPERLINK("http://evil.example")'), row(2, item_name="{=A1}")]
    path = await _written(tmp_path, rows)
    kinds = {cell.get("t") for cell in _cells(path)}
    assert kinds <= {"inlineStr", None, "n"}
    assert not [element for cell in _cells(path) for element in cell.iter(f"{SPACE}f")]
    assert _table(path)[1][:2] == ("=1+1", '=HYPERLINK("http://evil.example")')
    with zipfile.ZipFile(path) as archive:
        assert b"hyperlink" not in archive.read("xl/worksheets/sheet1.xml").replace(b"=HYPERLINK", b"").lower()


@pytest.mark.parametrize("name", ["<r>bad & <x></r>", "<r></r>", "<r><t>x</t></r>", "a&b<c>", "]]>", "x\ufffe\x01y"])
async def test_markup_in_a_name_is_text_and_cannot_break_the_sheet(tmp_path: Path, name: str) -> None:
    path = await _written(tmp_path, [row(1, item_name=name)])
    assert _texts(path)[5] == name.replace("\ufffe", "_xFFFE_").replace("\x01", "_x0001_")


async def test_serial_numbers_are_numbers_only_where_nothing_is_lost(tmp_path: Path) -> None:
    path = await _written(tmp_path, _keyed("7", "007", "9" * 16))
    assert [line[0] for line in _table(path)[1:]] == [7, "007", "9" * 16]


def _keyed(*keys: str) -> list[ResultRow]:
    return [row(number, item_key=key) for number, key in enumerate(keys, start=1)]


async def test_a_list_longer_than_a_cell_says_how_many_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "results.xlsx"
    urls = [f"https://origin.example/{'x' * 80}/{number}.jpg" for number in range(500)]
    rows = [row(n, item=1, position=n, item_size=500, source_url=url) for n, url in enumerate(urls)]
    written = await write_xlsx(pages(rows, 100), path)
    cell = str(_table(path)[1][2])
    kept, _, note = cell.partition(" … ")
    assert urls[: len(kept.split(","))] == kept.split(",")
    assert note == f"({500 - len(kept.split(',')):,} more: the cell is full)"
    assert CELL_UNITS_MAX - 300 < len(cell) <= CELL_UNITS_MAX
    assert written == Written(rows=1, cells_shortened=1)


def test_the_limit_of_a_cell_counts_utf16_units() -> None:
    assert fit(["x" * CELL_UNITS_MAX], "") == ("x" * CELL_UNITS_MAX, False)
    text, shortened = fit(["\U0001f6cb" * 20_000], "")
    assert shortened
    assert CELL_UNITS_MAX - 60 <= len(text.encode("utf-16-le")) // 2 <= CELL_UNITS_MAX
    assert text.endswith("(shortened: the cell is full)")


async def test_more_products_than_a_sheet_holds_are_refused(tmp_path: Path) -> None:
    rows = [row(number) for number in range(1, 5)]
    await _written(tmp_path, rows, rows_max=5)
    with pytest.raises(Permanent) as refused:
        await _written(tmp_path, rows, rows_max=4)
    assert refused.value.problem == "too_many_rows"
    assert refused.value.detail == "A sheet holds 3 products. Choose csv or json."


async def test_no_scratch_file_stays_behind(tmp_path: Path) -> None:
    with pytest.raises(Permanent):
        await _written(tmp_path, [row(1), failed(2)], rows_max=2)
    assert list(tmp_path.iterdir()) == []
