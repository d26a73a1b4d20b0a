"""Products as a CSV table (RFC 4180), or in the unquoted form of the original service."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TextIO

from services.exporter.cells import inert
from services.exporter.pages import hand_over
from services.exporter.results import Layout, Pages, Product, ResultRow, Written, products_of

COLUMNS = ("S. No.", "Product Name", "Input Image Urls", "Output Image Urls")
PROBLEMS_COLUMN = "Problems"
PROBLEM_SEPARATOR = "; "
ENCODING_ERRORS = "replace"


async def write_csv(pages: Pages, path: Path, *, layout: Layout = "standard", with_problems: bool = False) -> Written:
    """Write one line per product to `path`; memory holds a few pages and one product."""
    return await hand_over(pages, partial(_save, path=path, layout=layout, with_problems=with_problems))


def _save(pages: Iterator[Sequence[ResultRow]], *, path: Path, layout: Layout, with_problems: bool) -> Written:
    with path.open("w", encoding="utf-8", errors=ENCODING_ERRORS, newline="") as file:
        products = products_of(chain.from_iterable(pages))
        return Written(rows=write_table(products, file, layout=layout, with_problems=with_problems))


def write_table(products: Iterable[Product], file: TextIO, *, layout: Layout, with_problems: bool) -> int:
    """Write header and lines to an open text file (newline=""); returns the number of products."""
    if layout == "legacy":
        return _write_legacy(products, file)
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow((*COLUMNS, PROBLEMS_COLUMN) if with_problems else COLUMNS)
    cells_of = _cells_with_problems if with_problems else _cells
    return _count(products, lambda product: writer.writerow(cells_of(product)))


def _cells(product: Product) -> list[str]:
    texts = (product.key, product.name, ",".join(product.inputs), ",".join(product.outputs))
    return [inert(text) for text in texts]


def _cells_with_problems(product: Product) -> list[str]:
    return [*_cells(product), inert(PROBLEM_SEPARATOR.join(product.problems))]


def _write_legacy(products: Iterable[Product], file: TextIO) -> int:
    """Every URL is a field of its own; a comma inside one is escaped, for nothing else keeps the fields apart."""
    file.write(",".join(COLUMNS) + "\n")
    writer = csv.writer(file, lineterminator="\n")
    return _count(products, lambda product: writer.writerow(_legacy_fields(product)))


def _legacy_fields(product: Product) -> list[str]:
    urls = (url.replace(",", "%2C") for url in (*product.inputs, *product.outputs))
    return [inert(text) for text in (product.key, product.name, *urls)]


def _count(products: Iterable[Product], write: Callable[[Product], object]) -> int:
    number = 0
    for number, product in enumerate(products, start=1):  # noqa: B007
        write(product)
    return number
