"""gateway: reads a CSV of URLs as a stream of images, the way the batches door has always read it.

A record's URL is the first cell that is not blank of the columns `url`, `URL`, `image_url` and `link`. It is kept if it
starts with http:// or https://; other records, and repeats of a URL, are dropped without a word. What stands in the
other columns is carried along. A URL that could never be asked is kept: its image fails, and says why.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count, repeat

from services.gateway.csv_records import InvalidCsv, read_records, refused, without_trailing_blanks
from services.gateway.intake import NewImage

URL_COLUMNS = ("url", "URL", "image_url", "link")
NO_URLS = "No valid URLs found in CSV file"
INVALID = "Invalid CSV format: "
GROUP_RECORDS = 512
GROUP_CHARACTERS = 1 << 20
FIRST_SLOTS = 1 << 12
DIGEST_BITS = (1 << 62) - 1

_PREFIXES = ("http://", "https://")
_FILE_FAULT = "Error validating CSV: "  # how the products door begins what it says of such files


@dataclass(frozen=True)
class RowLimits:
    """How large a CSV of URLs may be. A URL beyond the pipeline's own limit fails by itself; this one is for files."""

    rows_max: int = 1_000_000
    columns_max: int = 100
    carried_characters_max: int = 4_000
    url_characters_max: int = 8_192


class BatchRows:
    """A CSV of URLs: its images, once, and the names of what they carry as soon as the header was read."""

    def __init__(self, chunks: Iterable[bytes], limits: RowLimits) -> None:
        self.columns: tuple[str, ...] = ()
        self.count = 0
        self._chunks = chunks
        self._limits = limits
        self._seen = _Seen()
        self._row = 0

    def images(self) -> Iterator[NewImage]:
        """Yield the images in order; the item is their number, its key their record's, counted from 1.

        Raises InvalidCsv, whose message is the door's; what was yielded counts only when nothing is raised.
        """
        try:
            yield from self._images()
        except InvalidCsv as error:
            detail = error.detail.removeprefix(_FILE_FAULT)
            raise error if detail == NO_URLS else refused(INVALID + detail) from None
        if not self.count:
            raise refused(NO_URLS)

    def _images(self) -> Iterator[NewImage]:
        records = read_records(self._chunks)
        header = [cell.strip() for cell in next(filter(None, map(without_trailing_blanks, records)), [])]
        if "\0" in "".join(header):
            raise refused("it holds NUL characters; UTF-16 needs its byte order mark")
        places = [place for name in URL_COLUMNS for place, cell in enumerate(header) if cell == name]
        if not places:
            raise refused(NO_URLS)
        carried = [place for place in range(len(header)) if place != places[0]]
        self.columns = tuple(header[place] for place in carried)
        self._check_columns()
        for group in _grouped(records, len(header)):
            yield from self._read(list(zip(*group, strict=True)), places, carried)

    def _check_columns(self) -> None:
        if len(self.columns) > self._limits.columns_max:
            raise refused(f"more than {self._limits.columns_max} columns beside the URL's in the header")
        if sum(map(len, self.columns)) > self._limits.carried_characters_max:
            raise refused(f"names of more than {self._limits.carried_characters_max:,} characters in the header")

    def _read(self, columns: list[Sequence[str]], places: list[int], carried: list[int]) -> Iterator[NewImage]:
        """The images of some records, column by column: half a million are read in a second so."""
        urls = _urls([columns[place] for place in places])
        rows = range(self._row + 1, self._row + 1 + len(urls))
        self._row += len(urls)
        kept = self._seen.are_new(urls)
        cells = [list(compress(columns[place], kept)) for place in carried]
        rows_kept, urls_kept = list(compress(rows, kept)), list(compress(urls, kept))
        first = self.count + 1
        self.count += len(urls_kept)
        if self.count > self._limits.rows_max:
            raise refused(f"more than {self._limits.rows_max:,} URLs")
        self._check(rows_kept, urls_kept, cells)
        images = zip(count(first), rows_kept, repeat(""), repeat(0), repeat(1), urls_kept)  # noqa: B905
        return map(tuple.__add__, images, zip(zip(*cells, strict=True))) if cells else images  # noqa: B905

    def _check(self, rows: list[int], urls: list[str], cells: list[list[str]]) -> None:
        """Raise for the first row that holds too much, or NUL; whole columns are looked at first, for speed."""
        limits = self._limits
        longest = sum(max(map(len, column), default=0) for column in cells)
        if (
            max(map(len, urls), default=0) <= limits.url_characters_max
            and longest <= limits.carried_characters_max
            and not any("\0" in "".join(column) for column in (urls, *cells))
        ):
            return
        for row, url, *carried in zip(rows, urls, *cells, strict=True):
            if "\0" in "".join((url, *carried)):
                raise refused(f"row {row} holds a NUL character")
            if len(url) > limits.url_characters_max:
                raise refused(f"the URL in row {row} has more than {limits.url_characters_max:,} characters")
            if sum(map(len, carried)) > limits.carried_characters_max:
                raise refused(f"row {row} has more than {limits.carried_characters_max:,} characters beside its URL")


def _grouped(records: Iterable[list[str]], width: int) -> Iterator[list[list[str]]]:
    """Some records after others, each as wide as the header: missing cells are empty, surplus ones left out.

    A group ends early when its records are large, so that a file made of such takes no more memory than others.
    """
    group: list[list[str]] = []
    characters = 0
    for record in records:
        if len(record) != width:
            record = record[:width] + [""] * (width - len(record))
        group.append(record)
        characters += sum(map(len, record))
        if len(group) == GROUP_RECORDS or characters > GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _urls(columns: list[Sequence[str]]) -> list[str]:
    """Each record's first cell that is not blank."""
    if len(columns) == 1:
        return list(map(str.strip, columns[0]))
    return [next(filter(None, map(str.strip, cells)), "") for cells in zip(*columns, strict=True)]


class _Seen:
    """Which URLs there were, by 62 bits of their hash: 8 bytes a slot, at most half of the slots taken.

    A set would take five times as much. Two different URLs are taken for the same once in four million files with a
    million rows; the hash is keyed per process, so that nobody can make it happen.
    """

    def __init__(self) -> None:
        self._slots = array("q", [0]) * FIRST_SLOTS
        self._taken = 0

    def are_new(self, urls: Sequence[str]) -> list[bool]:
        """Of these, which are URLs that did not come before."""
        while 2 * (self._taken + len(urls)) > len(self._slots):
            self._grow()
        slots, mask = self._slots, len(self._slots) - 1
        found = []
        for url, is_url in zip(urls, map(str.startswith, urls, repeat(_PREFIXES)), strict=True):
            if is_url:
                digest = hash(url) & DIGEST_BITS or 1
                slot = digest & mask
                while (other := slots[slot]) and other != digest:
                    slot = (slot + 1) & mask
                is_url = not other
                slots[slot] = digest
                self._taken += is_url
            found.append(is_url)
        return found

    def _grow(self) -> None:
        digests = self._slots
        slots = self._slots = array("q", [0]) * (2 * len(digests))
        mask = len(slots) - 1
        for digest in filter(None, digests):
            slot = digest & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = digest


def read_batch_csv(chunks: Iterable[bytes], *, limits: RowLimits) -> BatchRows:
    """A CSV that arrives in chunks of any size; nothing is read before its images are."""
    return BatchRows(chunks, limits)
