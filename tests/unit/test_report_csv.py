"""Reports as CSV: what a reader finds, and what a spreadsheet must not."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from services.exporter.cells import inert
from services.exporter.formats.report_csv import commented, comments, save_csv
from services.exporter.report_rows import Report, ReportRow
from tests.unit.report_samples import BATCH_ID, SECTION, WICKED, about, failed_row, report_row, saved

HEADER = (
    "url,success,store_front,text_content,store_name,business_contact,image_description,error_message,"
    "processing_time_seconds,created_at,batch_id"
)
FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠﹦﹢﹣﹫")


def table(tmp_path: Path, rows: list[ReportRow], told: Report) -> list[list[str]]:
    """The file's records, by the standard library's reader."""
    text = saved(save_csv, tmp_path / "report.csv", rows, told).decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_comment_lines_stand_before_a_table_of_eleven_columns(tmp_path: Path) -> None:
    rows = [report_row(1), failed_row(2)]
    lines = saved(save_csv, tmp_path / "report.csv", rows, about(rows)).decode("utf-8").split("\r\n")
    assert lines == [
        "# Batch Export Report",
        f"# Batch ID: {BATCH_ID}",
        "# Batch Name: Shops",
        "# Export Date: 2026-01-02T03:04:05.678Z",
        "# Total Records: 2",
        "# Batch Status: completed",
        "# ",
        HEADER,
        "https://origin.example/1.jpg,Yes,Yes,CAFÉ,Café,'+49 30 1234567,Bright,,0.75,"
        f"2026-01-02T03:04:06.678Z,{BATCH_ID}",
        "https://origin.example/2.jpg,No,No,,,,,http_404: The server answered 404.,0.75,"
        f"2026-01-02T03:04:07.678Z,{BATCH_ID}",
        "",
    ]


@pytest.mark.parametrize("facts", [{"has_metadata": False}, {"section": None}])
def test_without_metadata_or_about_several_batches_there_is_only_the_table(tmp_path: Path, facts: dict) -> None:
    assert table(tmp_path, [], about([], **facts)) == [HEADER.split(",")]


def test_carried_columns_follow_and_plain_numbers_stay_as_they_are(tmp_path: Path) -> None:
    rows = [report_row(carried='["-7.5", "=1+1", "007"]')]
    header, line = table(tmp_path, rows, about(rows, ["rank", "=note", "url"], has_metadata=False))
    assert header[11:] == ["rank", "'=note", "input_url"]
    assert line[11:] == ["-7.5", "'=1+1", "007"]


def test_wicked_texts_survive_or_are_made_inert(tmp_path: Path) -> None:
    rows = [report_row(number, text_content=text, url=text) for number, text in enumerate(WICKED)]
    found = table(tmp_path, rows, about(rows, has_metadata=False))[1:]
    assert [line[3] for line in found] == [inert(text) for text in WICKED]
    assert [line[0].removeprefix("'") for line in found] == list(WICKED)


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_cell_begins_a_formula_whatever_its_text(text: str, name: str) -> None:
    for cell in (inert(text), inert(f" {text}"), inert(f"={text}")):
        start = cell.lstrip(" \u00a0\ufeff\u200b\n")
        assert not start.startswith(FORMULA_STARTS) or is_number(cell)


def is_number(text: str) -> bool:
    """Whether a spreadsheet takes it for a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ('My "best"\nurl,success', "My 'best' url,success"),
        ("a\r\n=1+1", "a =1+1"),
        ("a,=1+1;@x", "a,'=1+1;'@x"),
        ("a\u2028b\x0bc\x00d\u202ee", "a b c d e"),
        ("", ""),
    ],
)
def test_a_name_cannot_leave_its_comment(name: str, line: str) -> None:
    assert commented(name) == line


@settings(deadline=None)
@given(st.text())
def test_whatever_the_name_the_table_begins_in_the_eighth_line(name: str) -> None:
    told = about([], section=SECTION.model_copy(update={"name": name}))
    file = io.StringIO()
    file.writelines(f"{line}\r\n" for line in comments(told))
    records = list(csv.reader(io.StringIO(file.getvalue(), newline=""), strict=True))
    assert len(records) == len(file.getvalue().splitlines()) == 7
    assert all(record[0].startswith("# ") for record in records)
