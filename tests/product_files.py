"""Product CSVs as tests write and read them."""

import pytest

from services.gateway.product_csv import CsvLimits, InvalidCsv, ProductImage, read_product_csv

HEADER = "S. No.,Product Name,Input Image Urls\n"
A, B, C = "https://a.example/1.jpg", "http://b.example/2.png", "https://c.example/3.webp?w=1&h=2"


def read(content: str | bytes, *, chunk_bytes: int = 7, limits: CsvLimits | None = None) -> list[ProductImage]:
    """The images of a file that comes in chunks."""
    data = content.encode() if isinstance(content, str) else content
    chunks = (data[start : start + chunk_bytes] for start in range(0, len(data), chunk_bytes))
    return list(read_product_csv(chunks, limits=limits or CsvLimits()))


def refusal(content: str | bytes, *, chunk_bytes: int = 7, limits: CsvLimits | None = None) -> InvalidCsv:
    """Why a file is refused."""
    with pytest.raises(InvalidCsv) as caught:
        read(content, chunk_bytes=chunk_bytes, limits=limits)
    assert caught.value.errors[0]["message"] == caught.value.detail
    return caught.value
