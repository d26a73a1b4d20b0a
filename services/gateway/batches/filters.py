"""Which results a caller wants, in which order, which page of them: read from queries and bodies, pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any, Literal, NamedTuple, cast, get_args

from shared.errors import DarkroomError
from shared.reports import ReportFilters, ReportSort, SortedBy

ReportFormat = Literal["csv", "json", "xlsx"]
FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)
SORTED_BY: tuple[SortedBy, ...] = get_args(SortedBy)
PAGE_ROWS_MAX = 1000
OFFSET_ROWS_MAX = 100_000
QUOTED_CHARACTERS = 100

_UNQUOTED_PLUS = re.compile(r" (\d\d:?\d\d)$")
_FRAGMENT = re.compile(r"[0-9a-f-]{1,36}")


class FilterRefused(DarkroomError):
    """What was asked for is not as it must be; the message says what."""


class Kind(NamedTuple):
    """What a result is. What failed shows no shop."""

    success: bool
    store_image: bool


KINDS = (Kind(False, False), Kind(True, False), Kind(True, True))


class Slice(NamedTuple):
    """So many results of some kinds, from a place on."""

    kinds: tuple[Kind, ...]
    offset: int
    limit: int


def is_true(value: object) -> bool:
    """The word `true`, or JSON's; anything else is not."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def either(value: str, name: str) -> bool | None:
    """true, false, or None for all; raises FilterRefused."""
    word = value.strip().lower()
    if word in ("", "all"):
        return None
    if word not in ("true", "false"):
        raise FilterRefused(f"{name} must be all, true or false")
    return word == "true"


def report_format(value: object) -> ReportFormat:
    """A file's format; none is csv. Raises FilterRefused."""
    word = "csv" if value is None or value == "" else value
    if not isinstance(word, str) or word.strip().lower() not in FORMATS:
        raise FilterRefused(f"Unsupported export format: {quoted(word)}")
    return cast(ReportFormat, word.strip().lower())


def filters_of(given: Mapping[str, Any]) -> ReportFilters:
    """The filters that a query or a body names; of two that contradict each other success wins."""
    success = True if is_true(given.get("success_only")) else None
    if success is None and is_true(given.get("failed_only")):
        success = False
    return ReportFilters(
        success=success,
        has_store_name=is_true(given.get("has_store_name")),
        has_contact=is_true(given.get("has_contact")),
        store_name_contains=_plain(given.get("store_name_filter"), "store_name_filter"),
        from_time=moment(given.get("start_date"), "start_date"),
        to_time=moment(given.get("end_date"), "end_date", time.max),
    )


def moment(value: object, name: str, day_at: time = time.min) -> datetime | None:
    """An ISO time; without a zone it is UTC, without a time it is the day's `day_at`. Raises FilterRefused."""
    if value is None or value == "":
        return None
    refusal = FilterRefused(f"Invalid {name} format. Use ISO format: YYYY-MM-DDTHH:MM:SS")
    if not isinstance(value, str):
        raise refusal
    text = _UNQUOTED_PLUS.sub(r"+\1", value.strip()) if "T" in value else value.strip()
    try:
        found = datetime.fromisoformat(text)
        if len(text) == len("YYYY-MM-DD") and "T" not in text:
            found = datetime.combine(found, day_at)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise refusal from None


def applied(given: Mapping[str, Any], filters: ReportFilters) -> dict[str, Any]:
    """The filters that take effect, by the names and in the words that they came in."""
    said: dict[str, Any] = {"success_only": True} if filters.success else {}
    if filters.success is False:
        said["failed_only"] = True
    said |= {name: True for name in ("has_store_name", "has_contact") if getattr(filters, name)}
    return said | {name: given[name] for name in ("start_date", "end_date") if given.get(name)}


def sort_of(text: str | None) -> ReportSort:
    """`field:asc` or `field:desc`; none is the newest first. Raises FilterRefused."""
    if not text or not text.strip():
        return ReportSort(by="created_at", descending=True)
    field, _, direction = text.strip().partition(":")
    if field not in SORTED_BY or direction not in ("", "asc", "desc"):
        raise FilterRefused(f"Invalid sort: {quoted(text)}. Use field:asc or field:desc of {', '.join(SORTED_BY)}")
    return ReportSort(by=field, descending=direction == "desc")


def batch_fragment(text: str | None) -> str | None:
    """A part of a batch's id, or all of it; None for any batch, and what no id has in it for what matches none."""
    if text is None or not text.strip():
        return None
    fragment = text.strip().lower()
    return fragment if _FRAGMENT.fullmatch(fragment) else "none"


def kinds_of(success: bool | None, store_image: bool | None) -> tuple[Kind, ...]:
    """What results may be that pass these filters."""
    return tuple(
        kind
        for kind in KINDS
        if (success is None or kind.success == success) and (store_image is None or kind.store_image == store_image)
    )


def slices_of(
    counts: Mapping[Kind, int], kinds: Sequence[Kind], sort: ReportSort, offset: int, limit: int
) -> Iterator[Slice]:
    """Where a page's results are, when those of one kind come before those of another; else the page as it is.

    Numbers of results are known, so that nothing needs to be sorted or counted.
    """
    if sort.by not in ("success", "store_image"):
        yield Slice(tuple(kinds), offset, limit)
        return
    for value in (True, False) if sort.descending else (False, True):
        group = tuple(kind for kind in kinds if getattr(kind, sort.by) == value)
        size = sum(counts[kind] for kind in group)
        taken = max(0, min(limit, size - offset))
        if taken:
            yield Slice(group, offset, taken)
        offset, limit = max(0, offset - size), limit - taken


def page_offset(page: int, per_page: int, total: int) -> int:
    """Where a page begins; raises FilterRefused when it is so deep that only an export is sensible."""
    offset = (page - 1) * per_page
    if OFFSET_ROWS_MAX < offset < total:
        raise FilterRefused(f"Pages go up to {OFFSET_ROWS_MAX} results deep. Narrow the filters, or take an export")
    return offset


def quoted(value: object) -> str:
    """What a caller wrote, as far as it is fit to be said back."""
    return "".join(character if character.isprintable() else "?" for character in str(value)[:QUOTED_CHARACTERS])


def _plain(value: object, name: str) -> str | None:
    """A text that databases and messages take; raises FilterRefused."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise FilterRefused(f"{name} must be a text")
    if len(value) > QUOTED_CHARACTERS * 10:
        raise FilterRefused(f"{name} must have at most {QUOTED_CHARACTERS * 10} characters")
    return value
