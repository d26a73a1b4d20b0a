"""What callers want of results, as they write it: filters, times, formats, order, pages."""

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, strategies as st

from services.gateway.batches.filters import (
    FORMATS,
    KINDS,
    OFFSET_ROWS_MAX,
    FilterRefused,
    Kind,
    applied,
    batch_fragment,
    either,
    filters_of,
    is_true,
    kinds_of,
    moment,
    page_offset,
    quoted,
    report_format,
    slices_of,
    sort_of,
)
from shared.reports import ReportSort

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)
counts = st.fixed_dictionaries({kind: st.integers(0, 30) for kind in KINDS})
NOON = datetime(2025, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), (" True ", True), (True, True), ("1", False), ("yes", False), (1, False), (None, False)],
)
def test_a_switch_is_on_by_the_word_true_alone(value: object, expected: bool) -> None:
    assert is_true(value) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-02T12:00:00Z", NOON),
        ("2025-11-02T12:00:00", NOON),
        ("2025-11-02 12:00", NOON),
        ("2025-11-02T13:30:00+01:30", NOON),
        ("2025-11-02T13:30:00 01:30", NOON),  # a plus sign that was not quoted in a query
        ("2025-11-02T12:00:00.000Z", NOON),
        (" 2025-11-02T12:00:00Z ", NOON),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_read_in_every_iso_form(text: str | None, expected: datetime | None) -> None:
    assert moment(text, "start_date") == expected


def test_a_day_without_a_time_begins_and_ends() -> None:
    assert moment("2025-11-02", "start_date") == datetime(2025, 11, 2, tzinfo=UTC)
    assert moment("2025-11-02", "end_date", time.max) == datetime(2025, 11, 2, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["xx", "2025-13-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00+14:00", 5, True, ["2025-11-02"], "\0"]
)
def test_what_is_no_time_is_refused_in_the_doors_words(value: object) -> None:
    with pytest.raises(FilterRefused, match="^Invalid end_date format. Use ISO format: YYYY-MM-DDTHH:MM:SS$"):
        moment(value, "end_date")


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda found: 1 < found.year < 9999), st.integers(-840, 840))
def test_times_are_read_back_as_they_were_written(written: datetime, minutes: int) -> None:
    zoned = written.astimezone(timezone(timedelta(minutes=minutes)))
    assert moment(zoned.isoformat(), "start_date") == zoned


@given(st.dictionaries(st.sampled_from(["success_only", "failed_only", "start_date", "store_name_filter"]), anything))
def test_any_filters_are_understood_or_refused(asked: dict[str, Any]) -> None:
    try:
        found = filters_of(asked)
    except FilterRefused:
        return
    found.model_dump_json().encode()  # fit for messages
    assert found.success in (None, True) or not is_true(asked.get("success_only"))


def test_the_filters_that_take_effect_are_told_as_they_came() -> None:
    asked = {"success_only": "true", "failed_only": "true", "has_contact": "no", "end_date": "2025-11-02"}
    assert applied(asked, filters_of(asked)) == {"success_only": True, "end_date": "2025-11-02"}


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 1001, 5, ["x"]])
def test_a_name_that_no_table_takes_is_refused(name: object) -> None:
    with pytest.raises(FilterRefused, match="store_name_filter"):
        filters_of({"store_name_filter": name})


@given(anything)
def test_a_format_is_known_or_refused(value: object) -> None:
    try:
        assert report_format(value) in FORMATS
    except FilterRefused as error:
        assert str(error).startswith("Unsupported export format: ")
        assert str(error).isprintable()


@pytest.mark.parametrize(("value", "expected"), [("all", None), ("", None), ("true", True), ("FALSE", False)], ids=repr)
def test_either_is_one_of_three_words(value: str, expected: bool | None) -> None:
    assert either(value, "success") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ("created_at", True)),
        ("success:desc", ("success", True)),
        ("store_name", ("store_name", False)),
        ("created_at:asc", ("created_at", False)),
    ],
)
def test_an_order_is_a_field_and_a_direction(text: str | None, expected: tuple[str, bool]) -> None:
    found = sort_of(text)
    assert (found.by, found.descending) == expected


@pytest.mark.parametrize("text", ["url:asc", "success:up", ":", "created_at:asc:desc", "created_at;DROP"])
def test_another_order_is_refused(text: str) -> None:
    with pytest.raises(FilterRefused, match="Invalid sort"):
        sort_of(text)


@given(st.text())
def test_a_part_of_an_id_has_only_what_ids_have(text: str) -> None:
    fragment = batch_fragment(text)
    assert fragment is None or fragment == "none" or set(fragment) <= set("0123456789abcdef-")


def test_kinds_are_those_that_pass() -> None:
    failed, other, shop = KINDS
    assert kinds_of(None, None) == KINDS
    assert kinds_of(True, None) == (other, shop)
    assert kinds_of(None, False) == (failed, other)
    assert kinds_of(True, False) == (other,)
    assert kinds_of(False, True) == ()


@given(counts, st.sampled_from(["success", "store_image"]), st.booleans(), st.integers(1, 7))
def test_slices_of_all_pages_are_everything_once_in_order(
    numbers: dict[Kind, int], by: Any, descending: bool, per_page: int
) -> None:
    sort = ReportSort(by=by, descending=descending)
    groups = [tuple(kind for kind in KINDS if getattr(kind, by) == value) for value in (descending, not descending)]
    expected = [(group, place) for group in groups for place in range(sum(numbers[kind] for kind in group))]
    found = []
    for offset in range(0, sum(numbers.values()), per_page):
        page = list(slices_of(numbers, KINDS, sort, offset, per_page))
        assert sum(part.limit for part in page) <= per_page
        found += [(part.kinds, part.offset + place) for part in page for place in range(part.limit)]
    assert found == expected


def test_a_page_by_time_is_one_slice() -> None:
    (only,) = slices_of(dict.fromkeys(KINDS, 9), KINDS[:2], sort_of(None), 5, 3)
    assert (only.kinds, only.offset, only.limit) == (KINDS[:2], 5, 3)


def test_pages_are_bounded_where_there_is_something_to_read() -> None:
    assert page_offset(3, 25, 10) == 50
    assert page_offset(10**9, 1000, 10) == 999_999_999_000
    assert page_offset(OFFSET_ROWS_MAX // 100 + 1, 100, 10**6) == OFFSET_ROWS_MAX
    with pytest.raises(FilterRefused, match="100000 results deep"):
        page_offset(OFFSET_ROWS_MAX // 100 + 2, 100, 10**6)


@given(st.text())
def test_what_is_said_back_is_short_and_printable(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 100
