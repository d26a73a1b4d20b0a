"""The result files that a products job can leave as, by the name that the API takes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from services.exporter.formats.csv import write_csv
from services.exporter.formats.json import write_json
from services.exporter.formats.xlsx import write_xlsx
from services.exporter.formats.zip import ReadBlob, write_zip
from services.exporter.results import Layout, Pages, Written


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose. `with_problems` adds the column of reasons; the legacy layout never has it."""

    read_blob: ReadBlob
    layout: Layout = "standard"
    with_problems: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: extension without dot, media type for the HTTP header, writer to a local path."""

    extension: str
    media_type: str
    write: Callable[[Pages, Path, Options], Awaitable[Written]]


def _csv(pages: Pages, path: Path, options: Options) -> Awaitable[Written]:
    return write_csv(pages, path, layout=options.layout, with_problems=options.with_problems)


def _json(pages: Pages, path: Path, _: Options) -> Awaitable[Written]:
    return write_json(pages, path)


def _xlsx(pages: Pages, path: Path, options: Options) -> Awaitable[Written]:
    return write_xlsx(pages, path, with_problems=options.with_problems and options.layout == "standard")


def _zip(pages: Pages, path: Path, options: Options) -> Awaitable[Written]:
    return write_zip(
        pages, path, read_blob=options.read_blob, layout=options.layout, with_problems=options.with_problems
    )


XLSX_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FORMATS = {
    "csv": Format("csv", "text/csv; charset=utf-8", _csv),
    "json": Format("json", "application/json", _json),
    "xlsx": Format("xlsx", XLSX_MEDIA_TYPE, _xlsx),
    "zip": Format("zip", "application/zip", _zip),
}
