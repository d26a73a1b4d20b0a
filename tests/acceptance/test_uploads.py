"""What the products door takes in and what it refuses (cases 3-06 to 3-11, 3-17 to 3-19, 3-21)."""

import asyncio
import codecs
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import GatewayRows
from tests.builders import (
    HEADER,
    Site,
    csv_text,
    details_of,
    download,
    post_csv,
    product_csv,
    read_rows,
    run,
    upload,
)

URL = "http://127.0.0.1/1.jpg"


async def refusal(client: httpx.AsyncClient, content: str | bytes) -> str:
    """Upload what must be refused with 400; the first message."""
    answer = await post_csv(client, content)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["detail"])


@pytest.mark.parametrize("name", ["a.txt", "a", "csv", "a.csv.exe", "a.xlsx", ".csvx"])
async def test_3_06_only_csv_files_are_accepted(client: httpx.AsyncClient, name: str) -> None:
    answer = await post_csv(client, csv_text(f"1,Chair,{URL}"), name=name)
    assert (answer.status_code, answer.json()) == (400, {"detail": "Only CSV files are accepted"})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("S. No.,Product Name", "Missing required columns"),
        ("S. No.,Product Name,Urls", "Missing required columns"),
        ("s. no.,product name,input image urls", "Missing required columns"),
        (f"{HEADER},Colour", "Invalid number of columns"),
        ("", "Missing required columns"),
    ],
)
async def test_3_07_the_header_names_the_three_columns(client: httpx.AsyncClient, header: str, message: str) -> None:
    assert await refusal(client, csv_text(f"1,Chair,{URL}", header=header)) == message


@pytest.mark.parametrize("row", ["1,SKU1,", f"1,,{URL}", f",SKU1,{URL}", "1,SKU1", "1", f'1," ",{URL}'])
async def test_3_08_a_row_with_missing_data_is_named(client: httpx.AsyncClient, row: str) -> None:
    assert await refusal(client, csv_text(row)) == "Missing data in row 1"


@pytest.mark.parametrize("url", ["notaurl", "httpfoo", "ftp://x/1.jpg", "javascript:alert(1)", "file:///etc/passwd"])
async def test_3_09_a_row_with_something_else_than_a_url_is_named(client: httpx.AsyncClient, url: str) -> None:
    message = await refusal(client, csv_text(f"1,Chair,{URL}", f"2,Table,{url}"))
    assert message == "Invalid image URL format in row 2"


async def test_3_09_every_bad_row_is_reported_at_once_and_nothing_is_stored(
    client: httpx.AsyncClient, gateway_rows: GatewayRows
) -> None:
    before = await gateway_rows("SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM images) AS images")
    answer = await post_csv(client, csv_text(f"1,Chair,{URL}", "2,Table,notaurl", f"x,Lamp,{URL}", "4,,"))
    body = answer.json()
    assert answer.status_code == 400
    assert body["detail"] == "Invalid image URL format in row 2"
    assert [(error["row"], error["column"]) for error in body["errors"]] == [
        (2, "Input Image Urls"),
        (3, "S. No."),
        (4, "Product Name"),
    ]
    after = await gateway_rows("SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM images) AS images")
    assert before == after


async def test_a_hundred_bad_rows_are_reported_and_no_more(client: httpx.AsyncClient) -> None:
    answer = await post_csv(client, csv_text(*[f"{number},Chair,notaurl" for number in range(1, 1001)]))
    assert answer.status_code == 400
    assert [error["row"] for error in answer.json()["errors"]] == list(range(1, 101))


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "x", "//x", "http://", "https://user:secret@example.com/", "http://169.254.169.254/", "http://[::1]/"],
)
async def test_3_10_a_webhook_url_that_cannot_be_called_is_refused(client: httpx.AsyncClient, url: str) -> None:
    answer = await post_csv(client, csv_text(f"1,Chair,{URL}"), webhook_url=url)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"] == "Invalid webhook URL format"


async def test_3_11_an_upload_without_a_file_is_422(client: httpx.AsyncClient) -> None:
    requests: list[dict[str, Any]] = [
        {},
        {"data": {"webhook_url": ""}},
        {"json": {"file": "x"}},
        {"data": {"file": "not a file"}},
    ]
    for request in requests:
        answer = await client.post("/api/upload", **request)
        assert answer.status_code == 422
        assert isinstance(answer.json()["detail"], list)


@pytest.mark.parametrize(
    "field",
    [
        {"quality": "0"},
        {"quality": "101"},
        {"quality": "high"},
        {"format": "gif"},
        {"max_side": "0"},
        {"operation": "enhance"},
        {"webhook_secret": "guess me"},
    ],
)
async def test_fields_that_make_no_sense_are_refused(client: httpx.AsyncClient, field: dict[str, str]) -> None:
    answer = await post_csv(client, csv_text(f"1,Chair,{URL}"), headers=None, **field)
    assert answer.status_code in (400, 422)
    assert "guess me" not in str(answer.json()["detail"])


async def test_3_17_a_quoted_list_is_as_many_urls(client: httpx.AsyncClient, site: Site) -> None:
    one, two, three = site.photos(3)
    request_id = await upload(client, csv_text(f'1,Chair,"{one}, {two}"', f'2,Table,"{one}",{two},"{three}",'))
    products = (await details_of(client, request_id))["products"]
    assert [product["input_image_urls"] for product in products] == [[one, two], [one, two, three]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
async def test_3_18_files_as_spreadsheets_write_them_are_accepted(
    client: httpx.AsyncClient, site: Site, encoding: str
) -> None:
    photo = site.photo()
    text = f'{HEADER}\r\n\r\n7,"Chair, rött",{photo}\r\n,,\r\n  \r\n8,椅子,{photo}\r\n\r\n'
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    request_id = await upload(client, mark + text.encode(encoding), name="PRODUCTS.CSV")
    products = (await details_of(client, request_id))["products"]
    assert [(product["serial_number"], product["product_name"]) for product in products] == [
        (7, "Chair, rött"),
        (8, "椅子"),
    ]


async def test_columns_are_found_by_name_in_any_order(client: httpx.AsyncClient, site: Site) -> None:
    one, two = site.photos(2)
    text = csv_text(f"{one},{two},Chair,5", header=" Input Image Urls ,Product Name, S. No.")
    (product,) = (await details_of(client, await upload(client, text)))["products"]
    assert (product["serial_number"], product["product_name"]) == (5, "Chair")
    assert product["input_image_urls"] == [one, two]


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        ((f"abc,Chair,{URL}",), 1),
        ((f"1,Chair,{URL}", f"1,Table,{URL}"), 2),
        ((f"1,Chair,{URL}", f"2,Table,{URL}", f"01,Lamp,{URL}"), 3),
        ((f"1.5,Chair,{URL}",), 1),
        ((f"-1,Chair,{URL}",), 1),
        ((f"١,Chair,{URL}",), 1),
        ((f"{'9' * 30},Chair,{URL}",), 1),
    ],
)
async def test_3_19_serial_numbers_are_numbers_and_unique(
    client: httpx.AsyncClient, rows: tuple[str, ...], row: int
) -> None:
    assert (await refusal(client, csv_text(*rows))).endswith(f"in row {row}")


@pytest.mark.parametrize("content", [csv_text(), HEADER, f"{HEADER}\n\n,,\n \n"])
async def test_3_21_a_file_without_products_is_refused(client: httpx.AsyncClient, content: str) -> None:
    assert await refusal(client, content) == "no data rows"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xff\xd8\xff\xe0 a jpeg",
        csv_text("1,Stra\xdfe,http://x/1.jpg").encode("latin-1"),
        b'"' * 5000,
    ],
)
async def test_what_is_no_text_is_refused_without_its_contents(client: httpx.AsyncClient, content: bytes) -> None:
    assert len(await refusal(client, content)) < 200


async def test_a_row_without_end_is_refused(client: httpx.AsyncClient) -> None:
    message = await refusal(client, f'{HEADER}\n1,"{"x" * 3_000_000}')
    assert message.startswith("Error validating CSV")


async def test_an_upload_over_the_limit_is_413_as_its_bytes_arrive(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        for _ in range(1_000):
            sent += 100_000
            yield b"1,Chair,http://x/1.jpg\n" * 4_348
            await asyncio.sleep(0)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with suppress(httpx.WriteError, httpx.ReadError):  # it may hang up on who does not stop
        answer = await client.post("/api/upload", content=endless(), headers=headers)
        assert answer.status_code == 413
    assert sent < 30_000_000


async def test_a_file_over_the_limit_is_413(client: httpx.AsyncClient) -> None:
    answer = await post_csv(client, b"x" * 5_000_001)
    assert answer.status_code == 413
    assert answer.json() == {"detail": "The upload is larger than 5 MB"}


async def test_a_declared_length_changes_nothing_of_the_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/upload", content=b"x" * 6_000_000, headers={"Content-Type": "text/plain"})
    assert answer.status_code in (413, 422)
    assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["../../../etc/cron.d/x.csv", "..\\..\\boot.csv", "a\0b.csv", "x" * 400 + ".csv", 'a";evil="1.csv', "списък.csv"],
)
async def test_a_hostile_file_name_harms_nobody(client: httpx.AsyncClient, site: Site, name: str) -> None:
    request_id = await run(client, product_csv([[site.photo()]]), name=name)
    stored = (await details_of(client, request_id))["csv_filename"]
    assert not set(stored) & set('/\\\0"')
    assert len(stored.encode()) <= 120
    answer = await download(client, request_id)
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="processed_')
    assert disposition.count('"') == 2


async def test_names_that_a_spreadsheet_would_run_are_defused(client: httpx.AsyncClient, site: Site) -> None:
    names = ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1", " =cmd|' /C calc'!A0", "'=1", "Chair"]
    rows = [f'{number},"{name}",{site.photo(8, 8, seed=2)}' for number, name in enumerate(names, start=1)]
    request_id = await run(client, csv_text(*rows))
    shown = [row["Product Name"] for row in read_rows(await download(client, request_id))]
    assert all(name.startswith("'") for name in shown[:-1]), shown
    assert shown[-1] == "Chair"


async def test_a_name_may_hold_anything_else(client: httpx.AsyncClient, site: Site) -> None:
    names = [
        "<script>alert(1)</script>",
        "{{7*7}}",
        "Robert'); DROP TABLE jobs;--",
        "a\\tb\\N\\.",
        "\u202egnp",
        "😀" * 50,
    ]
    rows = [f'{number},"{name}",{site.photo(8, 8, seed=2)}' for number, name in enumerate(names, start=1)]
    request_id = await run(client, csv_text(*rows))
    products = (await details_of(client, request_id))["products"]
    assert [product["product_name"] for product in products] == names
    assert [row["Product Name"] for row in read_rows(await download(client, request_id))] == names
