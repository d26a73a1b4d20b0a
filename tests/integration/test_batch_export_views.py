"""What callers see of exports without making one: previews, summaries, formats, the template."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.gateway.ports import Ports
from tests.batch_results import batch_of, caller_of, gateway_alone

SHOP = {"store_image": True, "store_name": "Café", "business_contact": "0123"}
PLAIN: dict[str, Any] = {"image_description": "a field"}
GONE = {"problem": "http_404", "detail": "The host answered 404."}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ports]:
    """A gateway."""
    async with gateway_alone(postgres_url, Path(tmp_path_factory.mktemp("blobs"))) as opened:
        yield opened


@pytest.fixture
async def batch(ports: Ports) -> UUID:
    """A batch of a shop, a field and a failure, with one image still to come."""
    return await batch_of(ports, [SHOP, PLAIN, GONE], waiting=1)


@pytest.fixture
async def client(ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """A caller."""
    async with caller_of(ports) as opened:
        yield opened


async def test_a_preview_shows_what_the_export_begins_with(client: httpx.AsyncClient, batch: UUID) -> None:
    found = (await client.get(f"/api/v1/export/batch/{batch}/preview")).json()["data"]
    assert (found["total_records_shown"], found["is_preview"], found["filters_applied"]) == (3, True, {})
    assert [row["url"][-5:] for row in found["preview_records"]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert found["preview_records"][2] == {
        "url": "https://example.com/2.jpg",
        "success": False,
        "store_image": False,
        "text_content": "",
        "store_name": "",
        "business_contact": "",
        "image_description": "",
        "error_message": "http_404: The host answered 404.",
        "created_at": "2026-11-01T12:00:02.000Z",
    }


@pytest.mark.parametrize(
    ("query", "expected", "applied"),
    [
        ({"success_only": "true"}, ["0.jpg", "1.jpg"], {"success_only": True}),
        ({"failed_only": "true"}, ["2.jpg"], {"failed_only": True}),
        ({"has_store_name": "true"}, ["0.jpg"], {"has_store_name": True}),
        ({"has_contact": "true", "success_only": "no"}, ["0.jpg"], {"has_contact": True}),
        (
            {"start_date": "2026-11-01T12:00:01", "end_date": "2026-11-01T12:00:01Z"},
            ["1.jpg"],
            {"start_date": "2026-11-01T12:00:01", "end_date": "2026-11-01T12:00:01Z"},
        ),
    ],
    ids=repr,
)
async def test_a_preview_heeds_the_filters(
    client: httpx.AsyncClient, batch: UUID, query: dict[str, str], expected: list[str], applied: dict[str, Any]
) -> None:
    found = (await client.get(f"/api/v1/export/batch/{batch}/preview", params=query)).json()["data"]
    assert [row["url"][-5:] for row in found["preview_records"]] == expected
    assert found["filters_applied"] == applied


async def test_a_preview_of_nothing_is_404(client: httpx.AsyncClient, batch: UUID) -> None:
    answer = await client.get(f"/api/v1/export/batch/{batch}/preview", params={"start_date": "2030-01-01"})
    assert (answer.status_code, answer.json()["error"]) == (404, f"No results found for batch {batch}")


async def test_a_summary_says_how_much_there_is(ports: Ports, client: httpx.AsyncClient) -> None:
    batch = await batch_of(ports, [PLAIN] * 24 + [GONE], name="Many")
    found = (await client.get(f"/api/v1/export/batch/{batch}/summary")).json()["data"]
    assert found["batch_info"]["batch_name"] == "Many"
    assert found["batch_info"]["status"] == "completed"
    assert found["export_summary"] == {
        "total_results": 25,
        "successful_results": 24,
        "failed_results": 1,
        "success_rate": 96.0,
    }
    assert found["estimated_sizes_mb"] == {"csv": 0.0, "json": 0.01, "xlsx": 0.0}
    assert found["available_filters"] == {
        "success_only": "24 records",
        "failed_only": "1 records",
        "has_store_name": "Records with store names",
        "has_contact": "Records with business contacts",
    }


@pytest.mark.parametrize("path", ["/api/v1/export/template", "/export/template", "/export/template?format=CSV"])
async def test_the_template_is_an_upload_with_one_row(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.text.splitlines() == [
        "url,batch_name,priority",
        "https://example.com/image1.jpg,Example Batch,normal",
    ]
    assert answer.headers["content-disposition"] == 'attachment; filename="import_template.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


async def test_the_formats_are_those_of_the_document(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/v1/export/formats")).json()["data"]
    assert found["default_format"] == "csv"
    assert found["supported_formats"].keys() == {"csv", "json", "xlsx"}
    assert found["supported_formats"]["xlsx"] == {
        "name": "Microsoft Excel",
        "description": "Excel format with multiple sheets",
        "supports_filtering": True,
        "supports_metadata": True,
        "file_extension": ".xlsx",
        "mime_type": XLSX,
    }
