"""Products as one JSON array, streamed: a product per line."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from services.exporter.cells import number_or_text
from services.exporter.pages import hand_over
from services.exporter.results import Pages, Product, ResultRow, Written, products_of


async def write_json(pages: Pages, path: Path) -> Written:
    """Write the array to `path`; memory holds a few pages and one product."""
    return await hand_over(pages, partial(_save, path=path))


def _save(pages: Iterator[Sequence[ResultRow]], *, path: Path) -> Written:
    rows = 0
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        file.write("[")
        for rows, product in enumerate(products_of(chain.from_iterable(pages)), start=1):
            file.write(("\n" if rows == 1 else ",\n") + encode(describe(product)))
        file.write("\n]\n")
    return Written(rows=rows)


def describe(product: Product) -> dict[str, Any]:
    """The product as it stands in the file; `output_url` is null where there is no image."""
    return {
        "serial_number": number_or_text(product.key),
        "product_name": product.name,
        "input_image_urls": product.inputs,
        "output_image_urls": product.outputs,
        "images": [_describe_image(image) for image in product.images],
    }


def _describe_image(image: ResultRow) -> dict[str, Any]:
    return {
        "input_url": image.source_url,
        "output_url": image.output_url,
        "status": image.state,
        "problem": image.problem,
        "detail": image.detail,
        "attempts": image.attempts,
    }
