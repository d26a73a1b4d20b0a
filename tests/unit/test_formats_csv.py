"""The CSV result file: what a spreadsheet and a strict parser find in it."""

import csv
import re
from pathlib import Path

import pytest

from services.exporter.cells import inert, number_or_text
from services.exporter.formats.csv import write_csv
from services.exporter.results import ResultRow, Written
from tests.unit.result_rows import chair_and_table, failed, pages, row

HEADER = ["S. No.", "Product Name", "Input Image Urls", "Output Image Urls"]
ORIGIN = "https://origin.example"
RESULT = "https://darkroom.example/api/image"


async def _written(tmp_path: Path, rows: list[ResultRow], **options: object) -> str:
    path = tmp_path / "results.csv"
    await write_csv(pages(rows), path, **options)  # type: ignore[arg-type]
    return path.read_bytes().decode("utf-8")


def _read(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(keepends=True), strict=True))


def _parse_rfc4180(text: str) -> list[list[str]]:
    """A second reader, written from the grammar: fails on anything that the grammar does not allow."""
    field = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)')
    table, record, at = [], [], 0
    while at < len(text):
        match = field.match(text, at)
        assert match, f"not RFC 4180 at {at}: {text[at : at + 40]!r}"
        record.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        at = match.end()
        if match[3] == "\r\n":
            table.append(record)
            record = []
    assert not record
    return table


async def test_a_product_is_one_line_with_an_empty_slot_for_a_failed_image(tmp_path: Path) -> None:
    text = await _written(tmp_path, chair_and_table())
    table = _read(text)
    assert table == [
        HEADER,
        ["1", "Chair, red", f"{ORIGIN}/1.jpg,{ORIGIN}/2.jpg", f"{RESULT}/1.jpg,"],
        ["2", 'Table "Höhe" 東京', f"{ORIGIN}/3.jpg", f"{RESULT}/3.jpg"],
    ]
    assert _parse_rfc4180(text) == table


async def test_the_reasons_stand_in_a_last_column_and_can_be_taken_apart(tmp_path: Path) -> None:
    rows = [
        failed(1, item=1, item_size=3, detail="Gone;\nfor good."),
        row(2, item=1, position=1, item_size=3),
        failed(3, item=1, position=2, item_size=3, state="cancelled", problem=None, detail=None),
        row(4, item=2),
    ]
    table = _read(await _written(tmp_path, rows, with_problems=True))
    assert table[0] == [*HEADER, "Problems"]
    assert table[1][3] == f",{RESULT}/2.jpg,"
    assert table[1][4].split("; ") == ["1: http_404 Gone, for good.", "3: cancelled"]
    assert table[2][4] == ""


async def test_every_kind_of_text_survives_both_readers(tmp_path: Path) -> None:
    names = ['"', "a\nb", "a\r\nb", "a\rb", "it's", " padded ", "Größe, \"L\"\n'x'", "\U0001f6cb sofa", "'"]
    text = await _written(tmp_path, [row(number, item_name=name) for number, name in enumerate(names, start=1)])
    table = _parse_rfc4180(text)
    assert [line[1] for line in table[1:]] == names
    assert list(csv.reader(text.splitlines(keepends=True))) == table


async def test_legacy_is_the_unquoted_form_without_reasons(tmp_path: Path) -> None:
    text = await _written(tmp_path, chair_and_table()[:2], layout="legacy", with_problems=True)
    assert text == (
        "S. No.,Product Name,Input Image Urls,Output Image Urls\n"
        f'1,"Chair, red",{ORIGIN}/1.jpg,{ORIGIN}/2.jpg,{RESULT}/1.jpg,\n'
    )


async def test_legacy_escapes_a_comma_inside_a_url_so_that_fields_can_be_counted(tmp_path: Path) -> None:
    text = await _written(tmp_path, [row(1, source_url=f"{ORIGIN}/w_1,=1+1/a.jpg")], layout="legacy")
    assert _read(text)[1] == ["1", "SKU1", f"{ORIGIN}/w_1%2C=1+1/a.jpg", f"{RESULT}/1.jpg"]


@pytest.mark.parametrize("layout", ["standard", "legacy"])
async def test_no_cell_of_the_file_starts_a_formula(tmp_path: Path, layout: str) -> None:
    wicked = '=HYPERLINK("http://evil.example","x")'
    text = await _written(tmp_path, [row(1, item_key="@x", item_name=wicked, source_url="+x")], layout=layout)
    assert _read(text)[1][:3] == ["'@x", f"'{wicked}", "'+x"]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+a", "-a", "@SUM(A1)", "\tx", "\rx", "  =x", "\n=x", "\u00a0=x", "\ufeff=x", "\u200b=x", "＝x", "＋x"]
    + ["－x", "＠x", "﹦x", "\x00=x", "-1+1", "-2+3+cmd|' /C calc'!A0", "+1 =x", "=1", " \t x"],
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-1", "+1.5", "-1e9", "1-2", "a=b", "'=x", "https://a.example/?a=-1", "x\t=1"])
def test_numbers_and_harmless_text_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("0", 0), ("007", "007"), ("1" * 16, "1" * 16), ("٣", "٣")])
def test_only_numbers_that_a_spreadsheet_shows_unchanged_become_numbers(text: str, value: int | str) -> None:
    assert number_or_text(text) == value


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_pages_may_cut_products_anywhere(tmp_path: Path, size: int) -> None:
    path = tmp_path / "results.csv"
    rows = [row(seq, item=seq // 3, position=seq % 3, item_size=3) for seq in range(30)]
    assert await write_csv(pages(rows, size), path) == Written(rows=10)
    assert [line[2].count(",") for line in _read(path.read_text())[1:]] == [2] * 10


async def test_a_job_without_rows_gives_a_header_only(tmp_path: Path) -> None:
    assert await _written(tmp_path, []) == ",".join(HEADER) + "\r\n"
