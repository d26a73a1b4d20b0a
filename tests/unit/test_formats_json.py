"""The JSON result file."""

import json
from pathlib import Path

from services.exporter.formats.json import write_json
from services.exporter.results import Written
from tests.unit.result_rows import chair_and_table, pages, row


async def test_products_are_described_with_all_their_images(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert await write_json(pages(chair_and_table()), path) == Written(rows=2)
    first, second = json.loads(path.read_bytes())
    assert first == {
        "serial_number": 1,
        "product_name": "Chair, red",
        "input_image_urls": ["https://origin.example/1.jpg", "https://origin.example/2.jpg"],
        "output_image_urls": ["https://darkroom.example/api/image/1.jpg", ""],
        "images": [
            {
                "input_url": "https://origin.example/1.jpg",
                "output_url": "https://darkroom.example/api/image/1.jpg",
                "status": "succeeded",
                "problem": None,
                "detail": None,
                "attempts": 1,
            },
            {
                "input_url": "https://origin.example/2.jpg",
                "output_url": None,
                "status": "failed",
                "problem": "http_404",
                "detail": "The server answered 404.",
                "attempts": 1,
            },
        ],
    }
    assert second["product_name"] == 'Table "Höhe" 東京'


async def test_each_product_is_a_line_that_a_second_reader_takes_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    await write_json(pages([row(1, item_name="a\u2028b\n"), row(2)]), path)
    opening, *lines, closing = path.read_text(encoding="utf-8").split("\n")[:-1]
    assert (opening, closing) == ("[", "]")
    assert [json.loads(line.removesuffix(","))["product_name"] for line in lines] == ["a\u2028b\n", "SKU2"]


async def test_a_job_without_rows_gives_an_empty_array(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert await write_json(pages([]), path) == Written(rows=0)
    assert json.loads(path.read_text()) == []
