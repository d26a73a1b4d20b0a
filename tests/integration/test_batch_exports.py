"""Reports as callers get them: asked for once, awaited, named, counted, refused in the door's words."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.gateway.ports import Ports
from shared.events import ReportRequested
from tests.batch_results import batch_of, caller_of, exporting, gateway_alone, make_report, record, requested, restart
from tests.builders import UNKNOWN_ID
from tests.eventually import eventually

SHOP = {"store_image": True, "store_name": "Café", "business_contact": "0123"}
PLAIN: dict[str, Any] = {"image_description": "a field"}
GONE = {"problem": "http_404", "detail": "The host answered 404."}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ports]:
    """A gateway that does not wait for long."""
    folder = Path(tmp_path_factory.mktemp("blobs"))
    async with gateway_alone(postgres_url, folder, export_wait_seconds=5, export_rows_max=5) as opened:
        yield opened


@pytest.fixture
async def batch(ports: Ports) -> UUID:
    """A batch of a shop, a field and a failure, with one image still to come."""
    return await batch_of(ports, [SHOP, PLAIN, GONE], name='Läden "2026"', waiting=1)


@pytest.fixture
async def client(ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """A caller."""
    async with caller_of(ports) as opened:
        yield opened


def said(answer: httpx.Response) -> ReportRequested:
    """What the file's exporter was asked for: our exporter repeats it."""
    assert answer.status_code == 200, answer.text
    return ReportRequested.model_validate_json(answer.content)


async def got(ports: Ports, client: httpx.AsyncClient, path: str, **query: str) -> ReportRequested:
    """What the exporter was asked for by a GET."""
    async with exporting(ports):
        return said(await client.get(path, params=query))


async def posted(ports: Ports, client: httpx.AsyncClient, path: str, body: Any) -> ReportRequested:
    """What the exporter was asked for by a POST."""
    async with exporting(ports):
        return said(await client.post(path, json=body))


async def test_a_report_says_what_is_known_of_its_batch(ports: Ports, client: httpx.AsyncClient, batch: UUID) -> None:
    asked = await got(ports, client, f"/api/v1/export/batch/{batch}")
    (section,) = asked.sections
    assert (section.job_id, section.name, section.status) == (batch, 'Läden "2026"', "processing")
    assert (section.results, section.run, section.run_results) == (3, 1, 0)
    assert (asked.format, asked.metadata, asked.bundled, asked.limit) == ("csv", True, False, None)
    assert asked.filters.model_dump(exclude_defaults=True) == {}
    assert (asked.sort.by, asked.sort.descending) == ("created_at", False)


async def test_every_filter_of_an_export_is_passed_on(ports: Ports, client: httpx.AsyncClient, batch: UUID) -> None:
    asked = await got(
        ports,
        client,
        f"/api/v1/export/batch/{batch}",
        format="XLSX",
        metadata="false",
        failed_only="true",
        start_date="2026-11-01T14:00:00+02:00",
        end_date="2026-11-01",
        has_store_name="true",
        has_contact="true",
    )
    assert (asked.format, asked.metadata) == ("xlsx", False)
    assert asked.filters.model_dump(exclude_none=True) == {
        "success": False,
        "has_store_name": True,
        "has_contact": True,
        "from_time": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "to_time": datetime(2026, 11, 1, 23, 59, 59, 999999, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    ("query", "success"),
    [
        ({"success_only": "true"}, True),
        ({"success_only": "true", "failed_only": "true"}, True),
        ({"success_only": "1"}, None),
        ({"success_only": "yes", "failed_only": "TRUE"}, False),
        ({"success_only": "", "failed_only": ""}, None),
    ],
    ids=repr,
)
async def test_a_switch_is_on_by_the_word_true_and_success_wins(
    ports: Ports, client: httpx.AsyncClient, batch: UUID, query: dict[str, str], success: bool | None
) -> None:
    assert (await got(ports, client, f"/export/batch/{batch}", **query)).filters.success is success


async def test_a_file_has_its_batchs_name_the_time_and_its_length(
    ports: Ports, client: httpx.AsyncClient, batch: UUID
) -> None:
    async with exporting(ports):
        answer = await client.get(f"/api/v1/export/batch/{batch}", params={"format": "xlsx"})
    disposition = answer.headers["content-disposition"]
    moment = said(answer).requested_at
    name = f"_2026__{moment:%Y%m%d_%H%M%S}.xlsx"
    assert disposition == f"attachment; filename=\"Laden {name}\"; filename*=UTF-8''L%C3%A4den%20{name}"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-type"] == XLSX
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-location"] == f"/api/v1/export/files/{said(answer).export_id}"


async def test_the_same_request_twice_makes_one_file(ports: Ports, client: httpx.AsyncClient, batch: UUID) -> None:
    async with exporting(ports) as made:
        answers = await asyncio.gather(*[client.get(f"/api/v1/export/batch/{batch}") for _ in range(8)])
        answers.append(await client.get(f"/api/v1/export/batch/{batch}?format=CSV&failed_only=no"))
        answers.append(await client.get(f"/export/batch/{batch}"))
    assert len(made) == 1
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["content-disposition"] for answer in answers}) == 1


async def test_new_results_make_a_new_file(ports: Ports, client: httpx.AsyncClient, batch: UUID) -> None:
    path = f"/api/v1/export/batch/{batch}"
    first = await got(ports, client, path)
    await record(ports, batch, 3, PLAIN)
    second = await got(ports, client, path)
    assert (first.sections[0].results, second.sections[0].results) == (3, 4)
    assert second.sections[0].status == "completed"
    assert (await got(ports, client, path)).export_id == second.export_id


async def test_a_result_that_replaces_another_makes_a_new_file_and_is_waited_for(
    ports: Ports, client: httpx.AsyncClient, batch: UUID
) -> None:
    await record(ports, batch, 3, PLAIN)
    first = await got(ports, client, f"/api/v1/export/batch/{batch}")
    await restart(ports, batch, 2)
    await record(ports, batch, 2, GONE)
    second = await got(ports, client, f"/api/v1/export/batch/{batch}")
    assert second.export_id != first.export_id
    assert (first.sections[0].run, first.sections[0].run_results) == (1, 0)
    assert (second.sections[0].results, second.sections[0].run, second.sections[0].run_results) == (4, 2, 1)


async def test_a_file_that_takes_long_is_202_and_found_by_its_id(
    ports: Ports, batch: UUID, client: httpx.AsyncClient
) -> None:
    answer = await client.get(f"/api/v1/export/batch/{batch}")
    body = answer.json()
    assert (answer.status_code, body["success"], body["data"]["state"]) == (202, True, "requested")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["location"] == body["data"]["url"]
    async with exporting(ports):
        found = said(await client.get(body["data"]["url"]))
        again = said(await client.get(f"/api/v1/export/batch/{batch}"))
    assert str(found.export_id) == str(again.export_id) == body["data"]["export_id"]


@pytest.mark.parametrize(
    ("problem", "detail", "status"),
    [("too_many_rows", "More than 5 rows.", 413), ("internal_error", "", 500)],
)
async def test_a_file_that_cannot_be_made_says_why_and_may_be_asked_for_again(
    ports: Ports, client: httpx.AsyncClient, batch: UUID, problem: str, detail: str, status: int
) -> None:
    asking = asyncio.create_task(client.get(f"/api/v1/export/batch/{batch}", params={"format": "json"}))

    async def fail() -> None:
        (asked,) = [each for each in await requested(ports) if each.sections[0].job_id == batch]
        await make_report(ports, asked, state="failed", digest=None, problem=problem, detail=detail)

    await eventually(_once_asked(fail))
    answer = await asking
    assert (answer.status_code, answer.json()["error"]) == (status, f"Export failed: {detail or problem}")
    async with ports.database.connection() as connection:
        await connection.execute("UPDATE reports SET requested_at = now() - interval '6 seconds'")
    assert (await got(ports, client, f"/api/v1/export/batch/{batch}", format="json")).format == "json"


def _once_asked(then: Any) -> Any:
    async def look() -> None:
        try:
            await then()
        except ValueError as error:
            raise AssertionError("not asked yet") from error

    return look


async def test_a_file_is_sent_in_parts_and_once_more_only_when_it_changed(
    ports: Ports, client: httpx.AsyncClient, batch: UUID
) -> None:
    path = f"/api/v1/export/batch/{batch}"
    async with exporting(ports):
        whole = await client.get(path)
    part = await client.get(path, headers={"Range": "bytes=10-"})
    assert (part.status_code, part.content) == (206, whole.content[10:])
    same = await client.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    resumed = await client.get(path, headers={"Range": "bytes=5-9", "If-Range": whole.headers["etag"]})
    assert (resumed.status_code, resumed.content) == (206, whole.content[5:10])
    asked = await client.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == whole.headers["content-length"]


async def test_deliveries_are_counted_and_not_their_continuations(
    ports: Ports, client: httpx.AsyncClient, batch: UUID
) -> None:
    path = f"/api/v1/export/batch/{batch}"
    before = (await client.get("/api/v1/export/statistics")).json()["data"]
    async with exporting(ports):
        whole = await client.get(path, params={"format": "json"})
        await client.get(path, params={"format": "json"}, headers={"Range": "bytes=7-"})
        await client.get(path, params={"format": "json"}, headers={"If-None-Match": whole.headers["etag"]})
        await client.head(path, params={"format": "json"})
        await client.get(path, params={"format": "json"}, headers={"Range": "bytes=0-"})
        await client.post("/api/v1/export/batches/multiple", json={"batch_ids": [str(batch)]})
    after = (await client.get("/api/v1/export/statistics")).json()["data"]
    assert after["total_exports"] - before["total_exports"] == 3
    assert after["exports_today"] - before["exports_today"] == 3
    assert after["popular_formats"]["json"] - before["popular_formats"]["json"] == 2
    assert after["popular_formats"].keys() >= {"csv", "xlsx", "json", "zip"}
    assert after["total_results_available"] >= 3
    assert (after["max_export_size"], after["supported_formats"]) == (5, ["csv", "json", "xlsx"])


async def test_a_bundle_keeps_the_order_and_tells_of_bad_ids(
    ports: Ports, client: httpx.AsyncClient, batch: UUID
) -> None:
    older, others = await batch_of(ports, [PLAIN]), await batch_of(ports, [PLAIN], account_id="other")
    ids = [str(batch), "no\0id", UNKNOWN_ID, str(older).upper(), str(batch), str(others)]
    async with exporting(ports):
        answer = await client.post("/api/v1/export/batches/multiple", json={"batch_ids": ids, "metadata": False})
    asked = said(answer)
    assert (asked.bundled, asked.metadata, asked.format) == (True, False, "csv")
    assert [section.job_id for section in asked.sections] == [batch, older]
    assert asked.missing == ("no?id", UNKNOWN_ID, str(others))
    assert answer.headers["content-type"] == "application/zip"
    name = f"multi_batch_export_{asked.requested_at:%Y%m%d_%H%M%S}.zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


async def test_a_filtered_export_is_about_the_named_batches_or_all_that_are_shown(
    ports: Ports, client: httpx.AsyncClient, batch: UUID
) -> None:
    others = await batch_of(ports, [PLAIN], account_id="other")
    filters = {"batch_ids": [str(batch), str(others), "x", 7, None], "store_name_filter": "caf", "success_only": True}
    asked = await posted(
        ports, client, "/api/v1/export/filtered", {"filters": filters, "format": "xlsx", "limit": 10**30}
    )
    assert [section.job_id for section in asked.sections] == [batch]
    assert (asked.filters.store_name_contains, asked.filters.success, asked.limit) == ("caf", True, 5)
    everything = await posted(ports, client, "/api/v1/export/filtered", {"filters": {}, "limit": 3})
    found = [section.job_id for section in everything.sections]
    assert batch in found
    assert others not in found
    assert {section.name for section in everything.sections} == {""}
    assert (await posted(ports, client, "/api/v1/export/filtered", {"filters": {"batch_ids": ["x"]}})).sections == ()


async def test_all_data_are_exported_as_they_are_listed(ports: Ports, client: httpx.AsyncClient, batch: UUID) -> None:
    query = {"batch_id": str(batch), "store_image": "false", "success": "true", "sort": "store_name:desc"}
    async with exporting(ports):
        answer = await client.get("/api/v1/batch-data/export", params=query)
    asked = said(answer)
    assert answer.headers["content-disposition"] == 'attachment; filename="batch-data-export.csv"'
    assert [section.job_id for section in asked.sections] == [batch]
    assert asked.filters.model_dump(exclude_defaults=True) == {"success": True, "store_image": False}
    assert (asked.sort.by, asked.sort.descending, asked.metadata) == ("store_name", True, False)
    nothing = await got(ports, client, "/api/v1/batch-data/export", batch_id="zz")
    assert nothing.sections == ()


async def test_batches_are_merged_into_one_file_for_pages(ports: Ports, client: httpx.AsyncClient, batch: UUID) -> None:
    second = await batch_of(ports, [PLAIN])
    asked = await got(ports, client, "/export/bulk", batch_ids=f"{second}, {batch},,{second}")
    assert {section.job_id for section in asked.sections} == {batch, second}
    assert (asked.bundled, asked.metadata) == (False, False)
