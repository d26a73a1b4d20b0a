"""Reports as JSON: the original's fields, whatever the texts."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from services.exporter.formats.report_json import indented, save_json
from services.exporter.report_rows import Report, ReportRow
from tests.unit.report_samples import BATCH_ID, WICKED, about, failed_row, report_row, saved


def read(tmp_path: Path, rows: list[ReportRow], told: Report) -> Any:
    """What the file says; it is written as `json.dumps` with an indent of 2 would."""
    text = saved(save_json, tmp_path / "report.json", rows, told).decode("utf-8")
    found = json.loads(text)
    assert text == json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    return found


def test_a_result_has_the_fields_of_the_original_and_what_its_row_carries(tmp_path: Path) -> None:
    rows = [report_row(1, carried='["Paris"]', cache_hit=True)]
    (found,) = read(tmp_path, rows, about(rows, ["city"]))["results"]
    analysis = {
        "store_image": True,
        "text_content": "CAFÉ",
        "store_name": "Café",
        "business_contact": "+49 30 1234567",
        "image_description": "Bright",
    }
    assert found == {
        "result_id": "00000000-0000-0000-0000-000000000001",
        "url": "https://origin.example/1.jpg",
        "batch_id": str(BATCH_ID),
        "chunk_id": None,
        "analysis_result": analysis,
        **analysis,
        "success": True,
        "error_message": None,
        "processing_time_seconds": 0.75,
        "api_key_used": "x7Qa",
        "created_at": "2026-01-02T03:04:06.678Z",
        "cache_hit": True,
        "gemini_model_used": "gemini-test",
        "provider": "gemini",
        "model": "gemini-test",
        "columns": {"city": "Paris"},
    }


def test_a_failure_says_why_and_an_analysis_of_others_names_no_gemini_model(tmp_path: Path) -> None:
    rows = [failed_row(1), failed_row(2, detail=""), report_row(3, provider="local", model="local-1")]
    first, second, third = read(tmp_path, rows, about(rows))["results"]
    assert first["error_message"] == "http_404: The server answered 404."
    assert (first["success"], first["analysis_result"], first["columns"]) == (False, None, {})
    assert second["error_message"] == "http_404"
    assert (third["gemini_model_used"], third["model"]) == (None, "local-1")


def test_metadata_is_about_the_batch_or_about_the_export(tmp_path: Path) -> None:
    rows = [report_row(1), report_row(2)]
    exported = {"export_date": "2026-01-02T03:04:05.678Z", "total_records": 2}
    assert read(tmp_path, rows, about(rows))["metadata"] == {
        "batch_id": str(BATCH_ID),
        "batch_name": "Shops",
        **exported,
        "batch_status": "completed",
        "batch_created": "2026-01-02T03:04:05.678Z",
        "batch_started": None,
    }
    assert read(tmp_path, rows, about(rows, section=None))["export_metadata"] == exported
    assert list(read(tmp_path, rows, about(rows, has_metadata=False))) == ["results"]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_every_number_of_rows_makes_a_document(tmp_path: Path, count: int) -> None:
    rows = [report_row(number) for number in range(count)]
    assert len(read(tmp_path, rows, about(rows))["results"]) == count


def test_wicked_texts_stand_as_they_are(tmp_path: Path) -> None:
    rows = [report_row(number, text_content=text) for number, text in enumerate(WICKED)]
    assert [found["text_content"] for found in read(tmp_path, rows, about(rows))["results"]] == list(WICKED)


plain_values = st.none() | st.booleans() | st.integers() | st.text()


@settings(deadline=None)
@given(st.dictionaries(st.text(), plain_values | st.dictionaries(st.text(), plain_values)))
def test_indenting_is_what_the_standard_library_does(value: dict[str, Any]) -> None:
    assert indented(value, "") == json.dumps(value, indent=2, ensure_ascii=False)
