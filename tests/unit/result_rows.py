"""Builds result rows and pages for the tests of result files."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from services.exporter.results import ResultRow


def row(seq: int, **facts: Any) -> ResultRow:
    """A succeeded image of a product of its own; facts replace what is given."""
    values: dict[str, Any] = {
        "seq": seq,
        "item": seq,
        "item_key": str(seq),
        "item_name": f"SKU{seq}",
        "position": 0,
        "item_size": 1,
        "source_url": f"https://origin.example/{seq}.jpg",
        "state": "succeeded",
        "image_name": f"{seq}.jpg",
        "image_url": f"https://darkroom.example/api/image/{seq}.jpg",
        "blob": f"blob-{seq}",
        "problem": None,
        "detail": None,
        "attempts": 1,
        "source_bytes": 2000,
        "output_bytes": None,
    }
    return ResultRow(**(values | facts))


def failed(seq: int, **facts: Any) -> ResultRow:
    """An image that could not be fetched."""
    lost = {
        "state": "failed",
        "image_name": None,
        "image_url": None,
        "blob": None,
        "problem": "http_404",
        "detail": "The server answered 404.",
    }
    return row(seq, **(lost | facts))


def chair_and_table() -> list[ResultRow]:
    """A product with a failed second image, and one with a single image."""
    return [
        row(1, item=1, item_key="1", item_name="Chair, red", position=0, item_size=2),
        failed(2, item=1, item_key="1", item_name="Chair, red", position=1, item_size=2),
        row(3, item=2, item_key="2", item_name='Table "Höhe" 東京', position=0),
    ]


async def pages(rows: Iterable[ResultRow], size: int = 2) -> AsyncIterator[Sequence[ResultRow]]:
    """The rows as the store reads them: in pages that cut products in two."""
    page: list[ResultRow] = []
    for each in rows:
        page.append(each)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
