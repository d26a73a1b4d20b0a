"""What the batches door makes of a CSV of URLs, and what it refuses (cases 2-01 to 2-06, 2-23)."""

import asyncio
import re
from uuid import uuid4

import httpx
import pytest

from tests.acceptance.conftest import GatewayRows
from tests.batch_builders import batch_csv, create_batch, post_batch, refused, told, until_batch_ended
from tests.builders import Site
from tests.callers import Caller

URL = "http://127.0.0.1:9/1.jpg"
NO_URLS = "No valid URLs found in CSV file"
ALL_ROWS = """
SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM images) AS images,
       (SELECT count(*) FROM batches) AS batches, (SELECT count(*) FROM chunks) AS chunks
"""


def urls(number: int) -> list[str]:
    return [f"http://127.0.0.1:9/{each}.jpg" for each in range(number)]


async def test_2_01_a_batch_waits_where_it_is_not_to_start(client: httpx.AsyncClient) -> None:
    answer = await post_batch(client, batch_csv(urls(3)), auto_start="false", batch_name=" Shops ")
    body = answer.json()
    assert answer.status_code == 201
    assert body["message"] == "Batch created successfully"
    batch_id = body["data"]["batch_id"]
    assert body["data"]["batch_info"] == {
        "batch_id": batch_id,
        "batch_name": "Shops",
        "total_urls": 3,
        "total_chunks": 1,
        "chunk_size": 2000,
        "chunks_created": 1,
        "status": "pending",
        "estimated_time_hours": 0.0008,
    }
    assert (await told(client, f"/batches/{batch_id}/progress"))["status"] == "pending"


async def test_2_02_a_batch_starts_unless_it_is_told_not_to(client: httpx.AsyncClient, site: Site) -> None:
    answer = await post_batch(client, batch_csv(site.photos(3)))
    body = answer.json()
    assert (answer.status_code, body["message"]) == (201, "Batch created and processing started")
    info = body["data"]["batch_info"]
    assert (info["status"], info["auto_started"]) == ("QUEUED", True)
    assert re.fullmatch(r"Batch_\d{8}_\d{6}", info["batch_name"])
    assert (await until_batch_ended(client, body["data"]["batch_id"]))["processed_files"] == 3


@pytest.mark.parametrize(
    ("said", "starts"), [("TRUE", True), ("True", True), ("false", False), ("1", False), ("", False), ("yes", False)]
)
async def test_only_the_text_true_starts_a_batch(alice: Caller, said: str, starts: bool) -> None:
    info = (await post_batch(alice, batch_csv([URL]), auto_start=said)).json()["data"]["batch_info"]
    assert (info["status"], info.get("auto_started")) == (("QUEUED", True) if starts else ("pending", None))


async def test_2_03_a_form_without_a_file_is_refused(client: httpx.AsyncClient) -> None:
    assert refused(await client.post("/api/v1/batches", data={"batch_name": "x"}), 400) == "No file uploaded"
    assert refused(await client.post("/api/v1/batches", json={"file": "x"}), 400) == "No file uploaded"
    assert refused(await client.post("/api/v1/batches"), 400) == "No file uploaded"
    unnamed = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert refused(await client.post("/api/v1/batches", content=unnamed, headers=headers), 400) == "No file selected"
    assert refused(await client.post("/upload", content=unnamed, headers=headers), 400) == "No file selected"
    assert refused(await client.post("/upload"), 400) == "No file provided"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"foo\n" + URL.encode(), NO_URLS),
        (b"url\nftp://x/1.jpg\n", NO_URLS),
        (b"", NO_URLS),
        (b"url\nhttp://x/\xff\n", "Invalid CSV format: File is not UTF-8"),
        (b"url\nhttp://x/\x00\n", "Invalid CSV format: row 1 holds a NUL character"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "Invalid CSV format: File is not UTF-8"),
        (b"url,note\n" + URL.encode() + b"," + b"x" * 4001, "Invalid CSV format: row 1 has more than 4,000 characters"),
    ],
    ids=range(7),
)
async def test_2_04_a_file_without_urls_is_refused_and_leaves_nothing_behind(
    client: httpx.AsyncClient, gateway_rows: GatewayRows, content: bytes, message: str
) -> None:
    before = await gateway_rows(ALL_ROWS)
    assert refused(await post_batch(client, content), 400).startswith(message)
    assert await gateway_rows(ALL_ROWS) == before


@pytest.mark.parametrize("header", ["url", "URL", "image_url", "link", "\ufeffurl"])
async def test_2_05_each_url_counts_once(alice: Caller, gateway_rows: GatewayRows, header: str) -> None:
    first, second = urls(2)
    content = batch_csv([second, "", first, f" {second} ", "nowhere", first], header)
    answer = await post_batch(alice, content, auto_start="false")
    assert answer.json()["data"]["batch_info"]["total_urls"] == 2
    rows = await gateway_rows(
        "SELECT source_url FROM images WHERE job_id = $1 ORDER BY seq", answer.json()["data"]["batch_id"]
    )
    assert [row["source_url"] for row in rows] == [second, first]


async def test_2_06_chunks_hold_two_thousand_urls(client: httpx.AsyncClient) -> None:
    batch_id = await create_batch(client, batch_csv(urls(2001)), auto_start="false")
    found = await told(client, f"/batches/{batch_id}/chunks")
    assert found["total_chunks"] == 2
    assert [(chunk["chunk_number"], chunk["url_count"]) for chunk in found["chunks"]] == [(1, 2000), (2, 1)]


async def test_a_form_may_choose_the_chunk_size_and_what_is_done(client: httpx.AsyncClient) -> None:
    fields = {"auto_start": "false", "chunk_size": "2", "description": "Where shops are", "provider": "gemini"}
    answer = await post_batch(client, batch_csv(urls(5)), operation="analyze", **fields)
    batch_id = answer.json()["data"]["batch_id"]
    assert answer.json()["data"]["batch_info"]["total_chunks"] == 3
    found = await told(client, f"/batch/{batch_id}")
    assert found["description"] == "Where shops are"
    assert (found["batch_info"]["operation"], found["batch_info"]["provider"]) == ("analyze", "gemini")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batch_name": "x" * 256}, "batch_name has more than 255 characters"),
        ({"batch_name": "a\0b"}, "batch_name holds characters that are no text"),
        ({"description": "x" * 4001}, "description has more than 4,000 characters"),
        ({"operation": "compress"}, "operation must be one of: analyze, copy"),
        ({"provider": "nobody"}, "provider must be one of: auto, local, google_vision, gemini"),
        ({"chunk_size": "0"}, "chunk_size must be a number from 1 to 100,000"),
        ({"chunk_size": "9" * 400}, "chunk_size must be a number from 1 to 100,000"),
        ({"chunk_size": "²"}, "chunk_size must be a number from 1 to 100,000"),
        ({"chunk_size": "NaN"}, "chunk_size must be a number from 1 to 100,000"),
        ({"webhook_url": "ftp://x/"}, "Invalid webhook URL format"),
        ({"webhook_url": "http://10.0.0.1/"}, "Invalid webhook URL format"),
        ({"webhook_secret": "short"}, "Invalid webhook secret"),
    ],
    ids=range(12),
)
async def test_a_field_that_is_not_as_it_must_be_is_named(
    client: httpx.AsyncClient, fields: dict[str, str], message: str
) -> None:
    assert refused(await post_batch(client, batch_csv([URL]), **fields), 400) == message


async def test_a_chunk_size_that_makes_too_many_chunks_is_refused(client: httpx.AsyncClient) -> None:
    answer = await post_batch(client, batch_csv(urls(10_001)), chunk_size="1")
    assert refused(answer, 400) == "chunk_size makes 10,001 chunks; at most 10,000 are allowed"


async def test_fields_may_be_files_and_files_fields_without_harm(client: httpx.AsyncClient) -> None:
    as_file = {"file": ("a.csv", batch_csv([URL])), "batch_name": ("name.txt", b"x")}
    assert refused(await client.post("/api/v1/batches", files=as_file), 400) == "batch_name must be text"
    assert refused(await client.post("/api/v1/batches", data={"file": "url"}, files={"x": b""}), 400) == (
        "No file selected"
    )
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert refused(await client.post("/api/v1/batches", content=b"--x\r\nnonsense", headers=broken), 400)


async def test_as_many_batches_are_active_as_allowed_and_others_wait(alice: Caller, site: Site) -> None:
    slow = f"{site.url}/slow/photos/1-8x8.jpg?delay_ms=3000"
    answers = [await post_batch(alice, batch_csv([f"{slow}&each={uuid4().hex}"])) for _ in range(21)]
    infos = [answer.json()["data"]["batch_info"] for answer in answers]
    assert [info["status"] for info in infos] == ["QUEUED"] * 20 + ["pending"]
    assert infos[-1]["auto_started"] is False
    assert infos[-1]["auto_start_error"] == "Maximum concurrent batches (20) reached"
    assert answers[-1].json()["message"] == "Batch created successfully"


async def test_the_same_key_and_form_make_one_batch(alice: Caller) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    content = batch_csv([URL])
    first = await post_batch(alice, content, headers=headers, auto_start="false")
    again = await post_batch(alice, content, headers=headers, auto_start="false")
    assert (again.status_code, again.json()) == (201, first.json())
    assert refused(await post_batch(alice, content, headers=headers, auto_start="true"), 422)
    assert refused(await post_batch(alice, batch_csv(urls(2)), headers=headers, auto_start="false"), 422)
    assert (await told(alice, "/batches"))["count"] == 1


async def test_a_refused_form_lets_its_key_go(alice: Caller) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    assert refused(await post_batch(alice, "foo\n1\n", headers=headers), 400) == NO_URLS
    assert (await post_batch(alice, batch_csv([URL]), headers=headers, auto_start="false")).status_code == 201


async def test_of_two_forms_with_one_key_at_the_same_time_one_makes_a_batch(alice: Caller) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    content = batch_csv(urls(20_000))
    both = await asyncio.gather(*(post_batch(alice, content, headers=headers, auto_start="false") for _ in range(2)))
    assert 201 in [answer.status_code for answer in both]
    assert {answer.status_code for answer in both} <= {201, 409}
    assert (await told(alice, "/batches"))["count"] == 1


async def test_2_23_an_upload_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    large = batch_csv([URL]).encode() + b"x" * 5_100_000
    for path in ("/api/v1/batches", "/upload"):
        answer = await post_batch(client, large, path=path)
        assert refused(answer, 413) == "File too large. Maximum size: 5MB"


async def test_the_web_form_answers_a_script_and_leads_a_browser_to_the_batch(client: httpx.AsyncClient) -> None:
    content = batch_csv([URL])
    body = (await post_batch(client, content, path="/upload", auto_start="false")).json()
    assert body["success"] is True
    assert body["redirect_url"] == f"/batch/{body['batch_id']}"
    assert body["batch_info"]["status"] == "pending"
    headers = {"Accept": "text/html,application/xhtml+xml"}
    seen = await post_batch(client, content, path="/upload", auto_start="false", headers=headers)
    assert seen.status_code == 303
    assert (await told(client, seen.headers["location"]))["total_urls"] == 1


@pytest.mark.parametrize("name", ["urls.txt", "urls", "csv", "urls.csv.exe"])
async def test_the_web_form_takes_files_named_csv_alone(client: httpx.AsyncClient, name: str) -> None:
    content = batch_csv([URL])
    answer = await post_batch(client, content, path="/upload", file_name=name, auto_start="false")
    assert refused(answer, 400) == "Only CSV files are supported"
    assert (await post_batch(client, content, file_name=name, auto_start="false")).status_code == 201


async def test_a_batch_needs_a_key_where_the_caller_is_not_local(nobody: httpx.AsyncClient) -> None:
    answer = await post_batch(nobody, batch_csv([URL]), headers={"X-API-Key": "dk_wrong"})
    assert refused(answer, 401)
