"""Result files: every format and layout, and how they are served."""

import asyncio
import csv
import io
import json
import zipfile
from uuid import UUID

import httpx
import openpyxl
import pytest
from PIL import Image

from tests.builders import Site, csv_text, download, images_of, read_rows, run


@pytest.fixture(scope="session")
def urls(site: Site) -> list[str]:
    """Three good pictures and a missing one."""
    return [site.photo(40, 30), site.photo(40, 30, "png"), f"{site.url}/missing.jpg", site.photo(20, 20)]


@pytest.fixture
async def ended(client: httpx.AsyncClient, urls: list[str]) -> str:
    """A request with a failed image and names that are not harmless."""
    good, second, missing, third = urls
    text = csv_text(f'1,"Chair, ""red""",{good},{missing}', f"2,=SUM(A1),{second}", f"3,../../etc/passwd,{third}")
    return await run(client, text, name="spring.csv")


async def test_the_csv_quotes_lists_and_says_what_went_wrong(
    client: httpx.AsyncClient, ended: str, urls: list[str]
) -> None:
    rows = read_rows(await download(client, ended))
    assert list(rows[0]) == ["S. No.", "Product Name", "Input Image Urls", "Output Image Urls", "Problems"]
    assert [row["Product Name"] for row in rows] == ['Chair, "red"', "'=SUM(A1)", "../../etc/passwd"]
    assert rows[0]["Input Image Urls"] == f"{urls[0]},{urls[2]}"
    first, second = rows[0]["Output Image Urls"].split(",")
    assert (first.endswith(".jpg"), second) == (True, "")
    assert rows[0]["Problems"].startswith("2: http_404")
    assert rows[1]["Problems"] == ""


async def test_the_legacy_layout_has_a_field_for_each_url_and_no_problems(
    client: httpx.AsyncClient, ended: str
) -> None:
    lines = (await download(client, ended, layout="legacy")).text.splitlines()
    assert lines[0] == "S. No.,Product Name,Input Image Urls,Output Image Urls"
    assert [len(fields) for fields in csv.reader(lines[1:])] == [6, 4, 4]
    assert "http_404" not in "".join(lines)


async def test_json_holds_the_same(client: httpx.AsyncClient, ended: str) -> None:
    answer = await download(client, ended, format="json")
    assert answer.headers["content-type"] == "application/json"
    products = json.loads(answer.content)
    assert [product["serial_number"] for product in products] == [1, 2, 3]
    assert [image["problem"] for image in products[0]["images"]] == [None, "http_404"]
    assert products[0]["output_image_urls"][1] == ""
    assert products[1]["product_name"] == "=SUM(A1)"


async def test_the_spreadsheet_holds_the_same_and_no_formula(client: httpx.AsyncClient, ended: str) -> None:
    answer = await download(client, ended, format="xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    rows = list(sheet.iter_rows())
    assert [cell.value for cell in rows[0]][:4] == ["S. No.", "Product Name", "Input Image Urls", "Output Image Urls"]
    assert len(rows) == 4
    assert {cell.data_type for row in rows for cell in row} <= {"s", "n", "inlineStr"}
    assert "http_404" in str(rows[1][4].value)


async def test_the_zip_holds_the_images_named_after_product_and_place_beside_the_csv(
    client: httpx.AsyncClient, ended: str
) -> None:
    answer = await download(client, ended, format="zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == 4
        assert not set("".join(names)) & set("/\\:")
        assert not any(name.startswith(".") for name in names)
        table = archive.read("results.csv").decode()
        pictures = [name for name in names if name.endswith(".jpg")]
        assert any("Chair" in name for name in pictures)
        for name in pictures:
            Image.open(io.BytesIO(archive.read(name))).verify()
    assert table.encode() == (await download(client, ended)).content


@pytest.mark.parametrize(
    ("query", "name"),
    [({}, "csv"), ({"format": "xlsx"}, "xlsx"), ({"format": "json"}, "json"), ({"format": "zip"}, "zip")],
)
async def test_a_file_is_called_after_the_upload(
    client: httpx.AsyncClient, ended: str, query: dict[str, str], name: str
) -> None:
    answer = await download(client, ended, **query)
    assert answer.headers["content-disposition"] == f'attachment; filename="processed_spring.{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("query", [{"format": "exe"}, {"layout": "odd"}, {"format": ""}])
async def test_an_unknown_format_is_422(client: httpx.AsyncClient, ended: str, query: dict[str, str]) -> None:
    assert (await client.get(f"/api/download/{ended}", params=query)).status_code == 422


async def test_a_file_is_built_once_and_served_the_same(client: httpx.AsyncClient, ended: str) -> None:
    first, second = await download(client, ended), await download(client, ended)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=0-99", slice(0, 100)), ("bytes=100-", slice(100, None)), ("bytes=-50", slice(-50, None))],
)
async def test_a_part_of_a_file_can_be_had(client: httpx.AsyncClient, ended: str, asked: str, expected: slice) -> None:
    whole = (await download(client, ended, format="zip")).content
    part = await client.get(f"/api/download/{ended}", params={"format": "zip"}, headers={"Range": asked})
    assert part.status_code == 206
    assert part.content == whole[expected]
    assert part.headers["content-range"].endswith(f"/{len(whole)}")


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=5-1", "bytes=x", "lines=1-2"])
async def test_a_part_that_is_not_there_is_not_invented(client: httpx.AsyncClient, ended: str, asked: str) -> None:
    answer = await client.get(f"/api/download/{ended}", headers={"Range": asked})
    assert answer.status_code in (200, 400, 416)


async def test_an_image_can_be_had_in_parts_too(client: httpx.AsyncClient, ended: str) -> None:
    url = next(image["output_url"] for image in await images_of(client, ended) if image["output_url"])
    whole = (await client.get(url)).content
    part = await client.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert (await client.head(url)).status_code in (200, 405)


async def test_outputs_are_named_by_an_id_of_their_own(client: httpx.AsyncClient, ended: str) -> None:
    names = [image["output_url"].rpartition("/")[2] for image in await images_of(client, ended) if image["output_url"]]
    assert len({UUID(name.removesuffix(".jpg")) for name in names}) == 3


async def test_many_downloads_at_once_get_the_same_file(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await run(client, csv_text(f"1,Chair,{site.photo(8, 8)}"))
    answers = await gather_downloads(client, request_id, 10)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


async def gather_downloads(client: httpx.AsyncClient, request_id: str, number: int) -> list[httpx.Response]:

    return await asyncio.gather(*[client.get(f"/api/download/{request_id}?format=json") for _ in range(number)])
