"""Results of batches over HTTP and in the tables: listed, filtered, sorted, paged."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.gateway.ports import Ports
from services.gateway.store import results
from tests.batch_results import LOCAL, batch_of, caller_of, gateway_alone
from tests.builders import UNKNOWN_ID

SHOP = {"store_image": True, "store_name": "Café Ä", "business_contact": "0123", "text_content": "x" * 900}
PLAIN = {"image_description": "a field", "provider": "gemini", "model": "g-2", "key_hint": "abcd", "cost_micros": 1500}
GONE = {"problem": "http_404", "detail": "The host answered 404."}
SHOWED = [SHOP, PLAIN, GONE, {**SHOP, "store_name": "Alpha"}, GONE, PLAIN]
NAMES = {"url", "success", "store_image", "store_name", "business_contact", "image_description", "text_content"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ports]:
    """A gateway."""
    async with gateway_alone(postgres_url, Path(tmp_path_factory.mktemp("blobs"))) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def batch(ports: Ports) -> UUID:
    """A batch of six, and another account's."""
    await batch_of(ports, [SHOP, GONE], account_id="other")
    return await batch_of(ports, SHOWED)


@pytest.fixture
async def client(ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """A caller."""
    async with caller_of(ports) as opened:
        yield opened


async def listed(client: httpx.AsyncClient, path: str, **query: Any) -> tuple[list[int], int]:
    """The numbers of the images on a page, and how many there are in all."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return [int(row["url"].rpartition("/")[2].partition(".")[0]) for row in found["data"]], found["meta"]["total"]


async def test_results_of_a_batch_come_newest_first_with_all_their_fields(
    client: httpx.AsyncClient, batch: UUID
) -> None:
    path = f"/api/v1/batches/{batch}/results"
    assert await listed(client, path) == ([5, 4, 3, 2, 1, 0], 6)
    found = (await client.get(path)).json()
    first, fourth = found["data"][0], found["data"][3]
    assert found["success"] is True
    assert first.keys() >= NAMES
    assert (first["id"], first["batch_id"]) == (first["result_id"], str(batch))
    assert (first["gemini_model_used"], first["api_key_used"], first["cost"]) == ("g-2", "abcd", 0.0015)
    assert (first["processing_time_seconds"], first["created_at"]) == (1.0, "2026-11-01T12:00:05.000Z")
    assert first["columns"] == {"town": "town 5", "size": "7"}
    assert first["chunk_id"] == found["data"][1]["chunk_id"] != found["data"][2]["chunk_id"]
    assert (fourth["success"], fourth["error_message"]) == (False, "http_404: The host answered 404.")
    assert len(found["data"][5]["text_content"]) == 500


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "success"}, ([5, 3, 1, 0], 4)),
        ({"status": "failed"}, ([4, 2], 2)),
        ({"limit": 2}, ([5, 4], 6)),
        ({"per_page": 2, "page": 3}, ([1, 0], 6)),
        ({"per_page": 2, "page": 4}, ([], 6)),
    ],
)
async def test_results_of_a_batch_are_filtered_and_paged(
    client: httpx.AsyncClient, batch: UUID, query: dict[str, Any], expected: tuple[list[int], int]
) -> None:
    assert await listed(client, f"/api/v1/batches/{batch}/results", **query) == expected


@pytest.mark.parametrize(
    "query",
    [{"status": "bogus"}, {"page": 0}, {"limit": "x"}, {"limit": 99999}, {"per_page": -1}, {"page": "9" * 400}],
)
async def test_wrong_parameters_are_400_in_the_doors_envelope(
    client: httpx.AsyncClient, batch: UUID, query: dict[str, Any]
) -> None:
    answer = await client.get(f"/api/v1/batches/{batch}/results", params=query)
    assert answer.status_code == 400
    assert answer.json().keys() == {"success", "error", "timestamp"}


@pytest.mark.parametrize("batch_id", [UNKNOWN_ID, "x", "%00", "1" * 300])
async def test_an_unknown_batch_is_404(client: httpx.AsyncClient, batch_id: str) -> None:
    assert (await client.get(f"/api/v1/batches/{batch_id}/results")).status_code == 404


async def test_another_accounts_batch_is_404(client: httpx.AsyncClient, ports: Ports) -> None:
    others = await batch_of(ports, [SHOP], account_id="stranger")
    assert (await client.get(f"/api/v1/batches/{others}/results")).status_code == 404
    assert await listed(client, "/api/v1/batch-data", batch_id=str(others)) == ([], 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [5, 4, 3, 2, 1, 0]),
        ({"sort": "created_at:asc"}, [0, 1, 2, 3, 4, 5]),
        ({"sort": "created_at"}, [0, 1, 2, 3, 4, 5]),
        ({"success": "true"}, [5, 3, 1, 0]),
        ({"success": "False"}, [4, 2]),
        ({"store_image": "true"}, [3, 0]),
        ({"store_image": "false"}, [5, 4, 2, 1]),
        ({"success": "true", "store_image": "false"}, [5, 1]),
        ({"success": "false", "store_image": "true"}, []),
        ({"sort": "success:asc"}, [2, 4, 0, 1, 3, 5]),
        ({"sort": "success:desc"}, [0, 1, 3, 5, 2, 4]),
        ({"sort": "success:asc", "per_page": 2, "page": 2}, [0, 1]),
        ({"sort": "store_image:desc", "per_page": 3, "page": 1}, [0, 3, 1]),
        ({"sort": "store_image:asc", "success": "true", "per_page": 3}, [1, 5, 0]),
        ({"sort": "store_name:asc"}, [1, 2, 4, 5, 3, 0]),
        ({"sort": "store_name:desc"}, [0, 3, 1, 2, 4, 5]),
        ({"sort": "processing_time_seconds:desc", "success": "false"}, [4, 2]),
        ({"sort": "processing_time_seconds:asc", "per_page": 2, "page": 2}, [2, 3]),
    ],
)
async def test_all_results_are_filtered_and_sorted(
    client: httpx.AsyncClient, batch: UUID, query: dict[str, str], expected: list[int]
) -> None:
    found, total = await listed(client, "/api/v1/batch-data", batch_id=str(batch), **query)
    assert found == expected
    assert total >= len(expected)


async def test_a_part_of_an_id_finds_its_batches(client: httpx.AsyncClient, batch: UUID) -> None:
    for fragment in (str(batch)[-10:], str(batch)[4:20].upper(), str(batch)):
        assert (await listed(client, "/api/v1/batch-data", batch_id=fragment))[1] == 6
    for nothing in ("zz", "%", "_", "\0", "f" * 40, "'"):
        assert await listed(client, "/api/v1/batch-data", batch_id=nothing) == ([], 0)


async def test_pages_of_many_batches_leave_nothing_out_and_repeat_nothing(ports: Ports) -> None:
    async with caller_of(ports) as client:
        everything = [(await client.get("/api/v1/batch-data", params={"per_page": 1000})).json()["data"]][0]
        pages: list[dict[str, Any]] = []
        for page in range(1, 100):
            found = (await client.get("/api/v1/batch-data", params={"per_page": 4, "page": page})).json()["data"]
            if not found:
                break
            pages += found
    assert [row["id"] for row in pages] == [row["id"] for row in everything]
    assert {row["batch_id"] for row in everything}


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0}, {"per_page": 0}, {"per_page": 1001}, {"page": "NaN"}, {"success": "maybe"}, {"store_image": "2"},
        {"sort": "url:asc"}, {"sort": "success:up"}, {"sort": "\0:asc"}, {"page": "9" * 30},
    ],
    ids=repr,
)  # fmt: skip
async def test_wrong_filters_of_all_results_are_400(client: httpx.AsyncClient, query: dict[str, Any]) -> None:
    answer = await client.get("/api/v1/batch-data", params=query)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


async def test_a_page_behind_the_end_is_empty_however_far(client: httpx.AsyncClient, batch: UUID) -> None:
    query = {"batch_id": str(batch), "page": 1_000_000_000, "per_page": 1000}
    assert await listed(client, "/api/v1/batch-data", **query) == ([], 6)


async def test_soft_deleted_batches_are_shown_by_their_whole_id_only(ports: Ports, client: httpx.AsyncClient) -> None:
    hidden = await batch_of(ports, [PLAIN])
    before = (await listed(client, "/api/v1/batch-data"))[1]
    async with ports.database.connection() as connection:
        await connection.execute("UPDATE batches SET hidden_at = now() WHERE job_id = $1", hidden)
    assert (await listed(client, "/api/v1/batch-data"))[1] == before - 1
    assert await listed(client, "/api/v1/batch-data", batch_id=str(hidden)) == ([0], 1)
    assert await listed(client, "/api/v1/batch-data", batch_id=str(hidden)[5:]) == ([], 0)
    async with ports.database.connection() as connection:
        await connection.execute("UPDATE batches SET deleted_at = now() WHERE job_id = $1", hidden)
    assert await listed(client, "/api/v1/batch-data", batch_id=str(hidden)) == ([], 0)


async def test_the_latest_results_and_failures_are_found(ports: Ports, batch: UUID) -> None:
    async with ports.database.connection() as connection:
        recent = await results.list_recent(connection, batch, 2)
        failures = await results.list_recent_failures(connection, batch, 5)
    assert [row["url"][-5:] for row in recent] == ["5.jpg", "4.jpg"]
    assert [(row["url"][-5:], row["problem"]) for row in failures] == [("4.jpg", "http_404"), ("2.jpg", "http_404")]


async def test_numbers_are_those_of_the_rows(ports: Ports, batch: UUID) -> None:
    async with ports.database.connection() as connection:
        rows = await connection.fetchval(
            "SELECT count(*) FROM results WHERE account_id = $1 AND job_id = $2", LOCAL, batch
        )
    assert rows == 6
