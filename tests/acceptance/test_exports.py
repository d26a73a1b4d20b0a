"""Results of batches as files and pages, over HTTP (cases 2-18 to 2-21)."""

import asyncio
import csv
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import httpx
import openpyxl
import pytest
import pytest_asyncio

from tests.batch_builders import batch_csv, create_batch, refused, run_batch, told, until_batch_ended
from tests.builders import UNKNOWN_ID, Site

COLUMNS = [
    "url",
    "success",
    "store_front",
    "text_content",
    "store_name",
    "business_contact",
    "image_description",
    "error_message",
    "processing_time_seconds",
    "created_at",
    "batch_id",
]
GOOD, BAD = 3, 2


@pytest.fixture(scope="module")
def rows(site: Site) -> list[str]:
    """Rows of a CSV: three pictures, two that are missing, with a town that is not harmless."""
    good = [f"{url},=town {place}" for place, url in enumerate(site.photos(GOOD))]
    return [*good, *[f"{site.url}/missing.jpg?{place}-{id(site)},Ulm" for place in range(BAD)]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def batch_id(client: httpx.AsyncClient, rows: list[str]) -> str:
    """A batch of these that has ended."""
    return await run_batch(client, batch_csv(rows, "url,town"), batch_name="Spring 2026")


async def exported(client: httpx.AsyncClient, batch_id: str, **query: str) -> httpx.Response:
    """A batch's file."""
    answer = await client.get(f"/api/v1/export/batch/{batch_id}", params=query)
    assert answer.status_code == 200, answer.text
    return answer


def table(text: str) -> list[dict[str, str]]:
    """The rows of a CSV without its comments."""
    lines = [line for line in text.splitlines() if line and not line.startswith("# ") and line != "#"]
    return list(csv.DictReader(lines))


def sheets(content: bytes) -> dict[str, list[Sequence[Any]]]:
    """The sheets of a workbook."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {sheet.title: [tuple(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}


async def test_2_18_the_csv_tells_of_its_batch_and_has_a_row_for_each_result(
    client: httpx.AsyncClient, batch_id: str, rows: list[str]
) -> None:
    answer = await exported(client, batch_id)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    name = answer.headers["content-disposition"]
    assert name.startswith('attachment; filename="Spring 2026_')
    assert name.endswith('.csv"')
    assert answer.headers["content-length"] == str(len(answer.content))
    text = answer.content.decode("utf-8-sig")
    assert text.startswith("# Batch Export Report")
    found = table(text)
    assert list(found[0]) == [*COLUMNS, "town"]
    assert {row["url"] for row in found} == {row.partition(",")[0] for row in rows}
    assert sorted(row["success"] for row in found) == ["No"] * BAD + ["Yes"] * GOOD
    assert {row["batch_id"] for row in found} == {batch_id}
    assert {row["town"] for row in found} == {"Ulm", "'=town 0", "'=town 1", "'=town 2"}
    times = [row["created_at"] for row in found]
    assert times == sorted(times)
    assert all(row["error_message"].startswith("http_404") for row in found if row["success"] == "No")


async def test_2_18_without_metadata_only_what_failed(client: httpx.AsyncClient, batch_id: str) -> None:
    plain = await exported(client, batch_id, metadata="false", failed_only="true")
    text = plain.content.decode("utf-8-sig")
    assert text.splitlines()[0] == ",".join([*COLUMNS, "town"])
    assert [row["success"] for row in table(text)] == ["No"] * BAD
    both = await exported(client, batch_id, metadata="false", failed_only="true", success_only="true")
    assert [row["success"] for row in table(both.text)] == ["Yes"] * GOOD


async def test_2_18_the_json_holds_the_results_and_the_batch(client: httpx.AsyncClient, batch_id: str) -> None:
    answer = await exported(client, batch_id, format="json")
    found = json.loads(answer.content)
    assert len(found["results"]) == GOOD + BAD
    assert found["metadata"]["batch_id"] == batch_id
    assert (found["metadata"]["batch_name"], found["metadata"]["total_records"]) == ("Spring 2026", GOOD + BAD)
    listed = (await client.get(f"/api/v1/batches/{batch_id}/results")).json()["data"]
    assert {row["result_id"] for row in found["results"]} == {row["result_id"] for row in listed}
    bare = json.loads((await exported(client, batch_id, format="json", metadata="false")).content)
    assert bare.keys() == {"results"}


async def test_2_18_the_xlsx_opens_and_has_one_sheet_without_metadata(client: httpx.AsyncClient, batch_id: str) -> None:
    found = sheets((await exported(client, batch_id, format="xlsx")).content)
    assert list(found) == ["Results", "Metadata"]
    assert found["Results"][0][:3] == ("URL", "Success", "Store Front")
    assert len(found["Results"]) == 1 + GOOD + BAD
    bare = sheets((await exported(client, batch_id, format="xlsx", metadata="false", failed_only="true")).content)
    assert list(bare) == ["Results"]
    assert len(bare["Results"]) == 1 + BAD


async def test_2_19_what_cannot_be_exported_says_why(client: httpx.AsyncClient, batch_id: str) -> None:
    path = "/api/v1/export/batch"
    assert refused(await client.get(f"{path}/{UNKNOWN_ID}"), 404) == f"Batch {UNKNOWN_ID} not found"
    assert "pdf" in refused(await client.get(f"{path}/{batch_id}?format=pdf"), 400)
    said = refused(await client.get(f"{path}/{batch_id}?start_date=xx"), 400)
    assert said == "Invalid start_date format. Use ISO format: YYYY-MM-DDTHH:MM:SS"


async def test_2_20_a_bundle_has_a_file_a_batch_and_tells_of_bad_ids(client: httpx.AsyncClient, batch_id: str) -> None:
    path = "/api/v1/export/batches/multiple"
    answer = await client.post(path, json={"batch_ids": [batch_id, UNKNOWN_ID], "format": "csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert f"ERROR_{UNKNOWN_ID}.txt" in names
        assert "export_summary.txt" in names
        assert archive.read(f"ERROR_{UNKNOWN_ID}.txt").decode().startswith("Export failed: ")
        (name,) = [each for each in names if each.endswith(".csv")]
        assert len(table(archive.read(name).decode("utf-8-sig"))) == GOOD + BAD
    refusal = refused(await client.post(path, json={"batch_ids": [batch_id] * 11}), 400)
    assert refusal == "Maximum 10 batches can be exported together"


async def test_2_21_a_filtered_xlsx_has_no_more_rows_than_asked_for(client: httpx.AsyncClient, batch_id: str) -> None:
    other = await run_batch(client, batch_csv(["http://127.0.0.1:9/1.jpg"]))
    body = {"filters": {"batch_ids": [batch_id, other]}, "format": "xlsx", "limit": 4}
    answer = await client.post("/api/v1/export/filtered", json=body)
    assert answer.status_code == 200, answer.text
    assert len(sheets(answer.content)["Results"]) == 5
    everything = await client.post("/api/v1/export/filtered", json={**body, "limit": 10, "format": "json"})
    found = json.loads(everything.content)
    assert len(found["results"]) == GOOD + BAD + 1
    assert found["export_metadata"]["total_records"] == GOOD + BAD + 1


async def test_an_export_that_broke_off_is_resumed(client: httpx.AsyncClient, batch_id: str) -> None:
    whole = await exported(client, batch_id)
    rest = await client.get(
        f"/api/v1/export/batch/{batch_id}", headers={"Range": "bytes=100-", "If-Range": whole.headers["etag"]}
    )
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    again = await client.get(whole.headers["content-location"], headers={"Range": "bytes=-50"})
    assert (again.status_code, again.content) == (206, whole.content[-50:])
    head = await client.head(f"/api/v1/export/batch/{batch_id}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


async def test_many_calls_at_once_get_one_file(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await run_batch(client, batch_csv(site.photos(2)))
    answers = await asyncio.gather(*[exported(client, batch_id, format="json") for _ in range(10)])
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["content-location"] for answer in answers}) == 1


async def test_a_batch_that_waits_has_an_export_without_rows_and_rows_once_it_ran(
    client: httpx.AsyncClient, site: Site
) -> None:
    batch_id = await create_batch(client, batch_csv(site.photos(2)), auto_start="false")
    assert table((await exported(client, batch_id)).text) == []
    assert (await client.post(f"/api/v1/batches/{batch_id}/start")).status_code == 200
    await until_batch_ended(client, batch_id)
    assert len(table((await exported(client, batch_id)).text)) == 2


async def test_an_export_right_after_a_retry_shows_what_the_retry_brought(
    client: httpx.AsyncClient, site: Site
) -> None:
    flaky = [f"{site.url}/flaky/4{each.removeprefix(site.url)}" for each in site.photos(6)]
    batch_id = await run_batch(client, batch_csv(flaky))
    assert [row["success"] for row in table((await exported(client, batch_id)).text)] == ["No"] * 6
    answer = await client.post(f"/api/v1/batches/{batch_id}/retry", params={"only": "failed"})
    assert answer.status_code == 200, answer.text
    await until_batch_ended(client, batch_id)
    assert [row["success"] for row in table((await exported(client, batch_id)).text)] == ["Yes"] * 6


async def test_deliveries_are_counted(client: httpx.AsyncClient, batch_id: str) -> None:
    before = await told(client, "/export/statistics")
    await exported(client, batch_id, format="xlsx")
    await exported(client, batch_id, format="xlsx")
    after = await told(client, "/export/statistics")
    assert after["total_exports"] - before["total_exports"] == 2
    assert after["popular_formats"]["xlsx"] - before["popular_formats"]["xlsx"] == 2
    assert after["average_export_size_mb"] >= 0


async def test_a_preview_and_a_summary_agree_with_the_file(client: httpx.AsyncClient, batch_id: str) -> None:
    preview = await told(client, f"/export/batch/{batch_id}/preview", failed_only="true")
    assert preview["total_records_shown"] == BAD
    assert preview["filters_applied"] == {"failed_only": True}
    summary = await told(client, f"/export/batch/{batch_id}/summary")
    assert summary["export_summary"]["successful_results"] == GOOD
    assert summary["export_summary"]["success_rate"] == 60.0


async def test_data_of_all_batches_are_listed_and_exported_alike(client: httpx.AsyncClient, batch_id: str) -> None:
    query = {"batch_id": batch_id, "success": "false", "sort": "processing_time_seconds:asc"}
    listed = (await client.get("/api/v1/batch-data", params={**query, "per_page": "1"})).json()
    assert listed["meta"] == {"page": 1, "per_page": 1, "total": BAD}
    file = await client.get("/api/v1/batch-data/export", params=query)
    assert file.headers["content-disposition"] == 'attachment; filename="batch-data-export.csv"'
    found = table(file.content.decode("utf-8-sig"))
    assert len(found) == BAD
    assert found[0]["url"] == listed["data"][0]["url"]


async def test_batches_are_merged_for_pages(client: httpx.AsyncClient, batch_id: str, site: Site) -> None:
    other = await run_batch(client, batch_csv(site.photos(1), "link"))
    answer = await client.get("/export/bulk", params={"batch_ids": f"{batch_id},{other}", "format": "csv"})
    assert answer.status_code == 200, answer.text
    assert {row["batch_id"] for row in table(answer.content.decode("utf-8-sig"))} == {batch_id, other}
    web = await client.get(f"/export/batch/{batch_id}")
    assert web.content == (await exported(client, batch_id)).content


async def test_a_deleted_batch_is_in_no_file(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await run_batch(client, batch_csv(site.photos(1)))
    await exported(client, batch_id)
    assert (await client.delete(f"/api/v1/batches/{batch_id}")).status_code == 200
    refused(await client.get(f"/api/v1/export/batch/{batch_id}"), 404)
    listed = (await client.get("/api/v1/batch-data", params={"batch_id": batch_id})).json()
    assert (listed["data"], listed["meta"]["total"]) == ([], 0)
    file = await client.post("/api/v1/export/filtered", json={"filters": {"batch_ids": [batch_id]}})
    assert table(file.text) == []
