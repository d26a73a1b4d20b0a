"""Exports that are refused, in the door's words."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.gateway.ports import Ports
from tests.batch_results import batch_of, caller_of, exporting, gateway_alone
from tests.builders import UNKNOWN_ID

SHOP = {"store_image": True, "store_name": "Café"}
PLAIN: dict[str, Any] = {"image_description": "a field"}
GONE = {"problem": "http_404", "detail": "The host answered 404."}
ROWS_MAX, WAITING_MAX = 5, 2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ports]:
    """A gateway that does not allow for much."""
    folder = Path(tmp_path_factory.mktemp("blobs"))
    limits = {"export_wait_seconds": 2, "export_rows_max": ROWS_MAX, "exports_waiting_max": WAITING_MAX}
    async with gateway_alone(postgres_url, folder, **limits) as opened:
        yield opened


@pytest.fixture
async def batch(ports: Ports) -> UUID:
    """A batch of a shop, a field and a failure."""
    return await batch_of(ports, [SHOP, PLAIN, GONE])


@pytest.fixture
async def client(ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """A caller."""
    async with caller_of(ports) as opened:
        yield opened


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/api/v1/export/batch/{}?format=pdf", 400, "Unsupported export format: pdf"),
        (
            "/api/v1/export/batch/{}?start_date=xx",
            400,
            "Invalid start_date format. Use ISO format: YYYY-MM-DDTHH:MM:SS",
        ),
        ("/api/v1/export/batch/{}?end_date=%00", 400, "Invalid end_date format. Use ISO format: YYYY-MM-DDTHH:MM:SS"),
        (f"/api/v1/export/batch/{UNKNOWN_ID}", 404, f"Batch {UNKNOWN_ID} not found"),
        ("/export/batch/nonsense", 404, "Batch nonsense not found"),
        (f"/api/v1/export/batch/{UNKNOWN_ID}/preview", 404, f"Batch {UNKNOWN_ID} not found"),
        (f"/api/v1/export/batch/{UNKNOWN_ID}/summary", 404, f"Batch {UNKNOWN_ID} not found"),
        (f"/api/v1/export/files/{UNKNOWN_ID}", 404, f"Export {UNKNOWN_ID} not found"),
        ("/api/v1/export/files/%00", 404, "Export ? not found"),
        ("/api/v1/export/template?format=xlsx", 400, "Templates only available for CSV format"),
        ("/export/bulk", 400, "batch_ids is required"),
        (f"/export/bulk?batch_ids={{}},{UNKNOWN_ID}", 404, f"Batch {UNKNOWN_ID} not found"),
        ("/api/v1/batch-data/export?success=maybe", 400, "success must be all, true or false"),
        ("/api/v1/batch-data/export?format=pdf", 400, "Unsupported export format: pdf"),
    ],
)
async def test_what_cannot_be_exported_is_refused_in_the_doors_words(
    client: httpx.AsyncClient, batch: UUID, path: str, status: int, error: str
) -> None:
    answer = await client.get(path.format(batch))
    assert (answer.status_code, answer.json()["success"], answer.json()["error"]) == (status, False, error)


async def test_too_many_rows_are_413_at_once_and_fewer_are_not(ports: Ports, client: httpx.AsyncClient) -> None:
    large = await batch_of(ports, [PLAIN] * 5 + [GONE])
    refused = await client.get(f"/api/v1/export/batch/{large}")
    assert (refused.status_code, refused.json()["error"]) == (413, "Export too large: 6 records. Maximum: 5")
    body = {"filters": {"batch_ids": [str(large)]}}
    assert (await client.post("/api/v1/export/filtered", json=body)).status_code == 413
    async with exporting(ports):
        for narrowed in ({"success_only": "true"}, {"has_contact": "true"}):
            assert (await client.get(f"/api/v1/export/batch/{large}", params=narrowed)).status_code == 200
        assert (await client.post("/api/v1/export/filtered", json={**body, "limit": ROWS_MAX})).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("batches/multiple", b"", "batch_ids array is required"),
        ("batches/multiple", b"{}", "batch_ids array is required"),
        ("batches/multiple", b'{"batch_ids": []}', "batch_ids must be a non-empty array"),
        ("batches/multiple", b'{"batch_ids": "a"}', "batch_ids must be a non-empty array"),
        ("batches/multiple", b'{"batch_ids": [1]}', "batch_ids must be an array of texts"),
        (
            "batches/multiple",
            json.dumps({"batch_ids": ["a"] * 11}).encode(),
            "Maximum 10 batches can be exported together",
        ),
        ("batches/multiple", b'{"batch_ids": ["a"], "format": ["csv"]}', "Unsupported export format: ['csv']"),
        ("batches/multiple", b'{"batch_ids": ["a"], "metadata": "no"}', "metadata must be true or false"),
        ("filtered", b"", "Request body is required"),
        ("filtered", b"[]", "The body must be a JSON object"),
        ("filtered", b"{", "The body is not JSON"),
        ("filtered", b'{"filters": [1]}', "filters must be an object"),
        ("filtered", b'{"filters": {"batch_ids": "a"}}', "batch_ids must be an array"),
        (
            "filtered",
            b'{"filters": {"start_date": 5}}',
            "Invalid start_date format. Use ISO format: YYYY-MM-DDTHH:MM:SS",
        ),
        ("filtered", b'{"filters": {"store_name_filter": "a\\u0000"}}', "store_name_filter must be a text"),
        ("filtered", b'{"filters": {"store_name_filter": "\\ud800"}}', "store_name_filter must be a text"),
        ("filtered", b'{"limit": 0}', "limit must be a positive number"),
        ("filtered", b'{"limit": NaN}', "limit must be a positive number"),
        ("filtered", b'{"limit": true}', "limit must be a positive number"),
        ("filtered", b'{"format": "pdf"}', "Unsupported export format: pdf"),
    ],
)
async def test_bodies_that_are_not_as_they_must_be_are_400(
    client: httpx.AsyncClient, path: str, body: bytes, error: str
) -> None:
    answer = await client.post(f"/api/v1/export/{path}", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_body_that_is_too_large_is_413(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/export/filtered", content=b'{"x": "' + b"x" * 2_000_000 + b'"}')
    assert (answer.status_code, answer.json()["success"]) == (413, False)


async def test_more_results_than_can_be_sorted_are_to_be_narrowed(ports: Ports, client: httpx.AsyncClient) -> None:
    large = await batch_of(ports, [PLAIN] * (ROWS_MAX + 1))
    query = {"batch_id": str(large), "sort": "store_name:asc"}
    answer = await client.get("/api/v1/batch-data", params=query)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert (await client.get("/api/v1/batch-data", params={**query, "success": "false"})).status_code == 200
    assert (await client.get("/api/v1/batch-data", params={**query, "sort": "success:asc"})).status_code == 200


async def test_an_account_has_only_so_many_reports_made_at_once(
    ports: Ports, client: httpx.AsyncClient, batch: UUID
) -> None:
    path = f"/api/v1/export/batch/{batch}"
    days = [f"2026-11-{day:02}" for day in range(1, WAITING_MAX + 2)]
    answers = [await client.get(path, params={"start_date": day}) for day in days]
    assert [answer.status_code for answer in answers] == [202] * WAITING_MAX + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await client.get(path, params={"start_date": days[0]})).status_code == 202  # it was asked for already
    async with exporting(ports):
        assert (await client.get(path, params={"start_date": days[0]})).status_code == 200
        assert (await client.get(path, params={"start_date": days[1]})).status_code == 200
        assert (await client.get(path, params={"start_date": days[2]})).status_code == 200
