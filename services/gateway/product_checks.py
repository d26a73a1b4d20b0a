"""gateway: what a record of a product CSV must be: pure checks, and the limits of a file."""

import heapq
import operator
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, repeat
from typing import NamedTuple

COLUMNS = ("S. No.", "Product Name", "Input Image Urls")
SERIAL_COLUMN, NAME_COLUMN, URLS_COLUMN = COLUMNS
SERIAL_DIGITS_MAX = 18
NO_SERIAL = -1
SORTED_RUN_ROWS = 65_536

_PREFIXES = ("http://", "https://")
_PREFIX_CHARACTERS_MAX = len(_PREFIXES[1])
_URL = re.compile(r"https?://[^\x00-\x1f\x7f-\x9f]+", re.IGNORECASE)


@dataclass(frozen=True)
class CsvLimits:
    """How large a product CSV may be."""

    rows_max: int = 2_000_000
    urls_per_row_max: int = 1_000
    name_characters_max: int = 1_000
    url_characters_max: int = 2_048


class Wrong(NamedTuple):
    """What is wrong with a record, before its row is known."""

    column: str
    problem: str
    hint: str = ""


def judge(digits: str, name: str, urls: list[str], limits: CsvLimits) -> Wrong | None:
    """The first thing that is wrong with a record, in the order: missing data, URLs, serial number, size, name."""
    if not (digits and name and urls):
        return Wrong(SERIAL_COLUMN if not digits else NAME_COLUMN if not name else URLS_COLUMN, "Missing data")
    for url in urls:
        if wrong := _judge_url(url, limits):
            return wrong
    if not is_serial(digits):
        return Wrong(SERIAL_COLUMN, "Invalid serial number", f"it is a number of at most {SERIAL_DIGITS_MAX} digits")
    if len(urls) > limits.urls_per_row_max:
        return Wrong(URLS_COLUMN, f"More than {limits.urls_per_row_max:,} image URLs")
    return _judge_name(name, limits)


def are_plain(serials: Sequence[str], names: Sequence[str], urls: Sequence[str], limits: CsvLimits) -> bool:
    """Whether these columns are what nearly all are: good, one URL each. Looks at a whole column at once, for speed."""
    every_url, every_name, every_serial = "".join(urls), "".join(names), "".join(serials)
    return (
        all(map(str.startswith, urls, repeat(_PREFIXES)))
        and every_url.isprintable()
        and "," not in every_url
        and min(map(len, urls)) > _PREFIX_CHARACTERS_MAX
        and max(map(len, urls)) <= limits.url_characters_max
        and all(names)
        and max(map(len, names)) <= limits.name_characters_max
        and "\0" not in every_name
        and all(serials)
        and max(map(len, serials)) <= SERIAL_DIGITS_MAX
        and every_serial.isdecimal()
        and every_serial.isascii()
    )


def is_serial(digits: str) -> bool:
    """Whether this is a number that we take: digits 0 to 9 only, small enough for 64 bits."""
    return digits.isdecimal() and digits.isascii() and len(digits) <= SERIAL_DIGITS_MAX


def _judge_url(url: str, limits: CsvLimits) -> Wrong | None:
    if not url.startswith(_PREFIXES) and not url.lower().startswith(_PREFIXES):
        hint = f"{url[:80]!r} does not start with http:// or https://; a comma inside a URL is written %2C"
        return Wrong(URLS_COLUMN, "Invalid image URL format", hint)
    if len(url) > limits.url_characters_max:
        return Wrong(URLS_COLUMN, "Image URL too long", f"it has {len(url):,} characters")
    is_plain = url.isprintable() and len(url) > _PREFIX_CHARACTERS_MAX  # told four times faster than by the pattern
    if not is_plain and not _URL.fullmatch(url):
        return Wrong(URLS_COLUMN, "Invalid image URL format", f"{url[:80]!r} has no host, or control characters")
    return None


def _judge_name(name: str, limits: CsvLimits) -> Wrong | None:
    if len(name) > limits.name_characters_max:
        return Wrong(NAME_COLUMN, "Product name too long", f"it has {len(name):,} characters")
    if "\0" in name:
        return Wrong(NAME_COLUMN, "Invalid product name", "it holds a NUL character")
    return None


def repeated_rows(serials: "array[int]", rows_max: int) -> list[tuple[int, int]]:
    """The first rows (counted from 1) whose serial number occurred before, each with the row of that occurrence.

    Rising numbers, as nearly every file has them, cost one comparison each. Others are put in order as runs of row
    indices that are merged lazily: 4 bytes a row beside the numbers, whatever these are; a set would take 100.
    """
    if all(map(operator.lt, serials, islice(serials, 1, None))):
        return []
    number_of = serials.__getitem__
    runs = [
        array("I", sorted(range(start, min(start + SORTED_RUN_ROWS, len(serials))), key=number_of))
        for start in range(0, len(serials), SORTED_RUN_ROWS)
    ]
    in_order = heapq.merge(*runs, key=number_of)
    same = ((later + 1, earlier + 1) for earlier, later in pairwise(in_order) if serials[earlier] == serials[later])
    return heapq.nsmallest(rows_max, same)
