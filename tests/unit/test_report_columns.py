"""Columns that batches carry through to their reports."""

import json
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from services.exporter.report_rows import BASE_COLUMNS, CarriedColumns, distinct_names
from tests.unit.report_samples import report_row

ONE, TWO, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["city", "Straße"], ["city", "Straße"]),
        (["url", "Success", " Store Name "], ["input_url", "input_Success", "input_ Store Name "]),
        (["city", "city", "city"], ["city", "city_2", "city_3"]),
        (["city_2", "city", "city"], ["city_2", "city", "city_3"]),
        (["url", "input_url"], ["input_url", "input_url_2"]),
        (["", " "], ["column", "column_2"]),
        ([], []),
    ],
)
def test_a_carried_column_keeps_its_name_unless_it_is_taken(names: list[str], found: list[str]) -> None:
    assert distinct_names(names) == found


@settings(deadline=None)
@given(st.lists(st.sampled_from(["url", "input_url", "input_url_2", "a", "a_2", "", "column", "Batch ID"]), max_size=9))
def test_names_never_clash_whatever_they_are(names: list[str]) -> None:
    found = distinct_names(names)
    assert len(set(found)) == len(names)
    assert not set(found) & {*BASE_COLUMNS, *BASE_COLUMNS.values()}


def test_columns_of_several_batches_stand_once_in_order_of_first_appearance() -> None:
    columns = CarriedColumns.of({ONE: ["city", "rank"], TWO: ["note", "city"], OTHER: []})
    assert columns.names == ("city", "rank", "note")
    first = report_row(job_id=ONE, carried=json.dumps(["Paris", "7"]))
    second = report_row(job_id=TWO, carried=json.dumps(["new", "Rome"]))
    assert columns.texts(first) == ["Paris", "7", ""]
    assert columns.texts(second) == ["Rome", "", "new"]
    assert columns.named(second) == {"note": "new", "city": "Rome"}
    assert columns.texts(report_row(job_id=OTHER, carried='["what"]')) == ["", "", ""]


def test_a_row_that_carries_less_or_more_than_its_columns_stays_in_them() -> None:
    columns = CarriedColumns.of({ONE: ["city", "rank"]})
    assert columns.texts(report_row(job_id=ONE, carried='["Paris"]')) == ["Paris", ""]
    assert columns.texts(report_row(job_id=ONE, carried='["Paris", "7", "more"]')) == ["Paris", "7"]
