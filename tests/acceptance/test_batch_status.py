"""How batches are listed, looked at and followed (cases 2-08, 2-09)."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.batch_builders import batch_csv, create_batch, refused, run_batch, told, until_batch_ended
from tests.builders import UNKNOWN_ID, Site
from tests.callers import Caller
from tests.eventually import eventually

URL = "http://127.0.0.1:9/1.jpg"
VIEWS = ("status", "progress", "chunks", "health", "analyze", "events")


def at_rest(number: int) -> str:
    """A CSV of images that nobody will ask for."""
    return batch_csv([f"http://127.0.0.1:9/{each}.jpg" for each in range(number)])


async def waiting(client: httpx.AsyncClient, number: int = 1, **fields: str) -> str:
    """A batch that waits to be started."""
    return await create_batch(client, at_rest(number), auto_start="false", **fields)


async def test_2_08_status_and_progress_of_a_batch_that_waits(client: httpx.AsyncClient) -> None:
    batch_id = await waiting(client, 5, chunk_size="2", batch_name="Shops")
    answer = await client.get(f"/api/v1/batches/{batch_id}/progress")
    assert answer.headers["x-polling-interval"] == "5"
    assert answer.headers["x-polling-interval-reason"] == "batch is just started"
    progress = answer.json()["data"]
    assert progress == {
        "batch_id": batch_id,
        "status": "pending",
        "progress_percentage": 0.0,
        "processed_count": 0,
        "total_urls": 5,
        "successful_count": 0,
        "failed_count": 0,
        "current_chunk": 0,
        "total_chunks": 3,
        "estimated_completion": None,
        "processing_rate_per_minute": 0.0,
        "is_active": True,
    }
    status = await told(client, f"/batches/{batch_id}/status")
    assert status["progress"] == progress
    assert status["chunk_statistics"] == {"total": 3, "completed": 0, "processing": 0, "pending": 3, "failed": 0}
    assert (status["total_files"], status["processed_files"], status["recent_errors"]) == (5, 0, [])
    assert status["timing"] == {
        "created_at": status["created_at"],
        "started_at": None,
        "completed_at": None,
        "elapsed_time_minutes": 0.0,
        "estimated_completion": None,
        "remaining_time_minutes": None,
    }


async def test_2_08_status_and_progress_of_a_batch_that_has_ended(client: httpx.AsyncClient, site: Site) -> None:
    content = batch_csv([*site.photos(3), f"{site.url}/missing.jpg?{uuid4().hex}"])
    batch_id = await run_batch(client, content, chunk_size="2")
    answer = await client.get(f"/api/v1/batches/{batch_id}/status")
    assert answer.headers["x-polling-interval"] == "30"
    assert answer.headers["x-polling-interval-reason"] == "batch is completed"
    status = answer.json()["data"]
    assert (status["status"], status["processed_files"], status["progress_percentage"]) == ("completed", 4, 100.0)
    assert status["chunk_statistics"]["completed"] == 2
    (error,) = status["recent_errors"]
    assert error["url"].startswith(f"{site.url}/missing.jpg")
    assert error["error_message"] == "http_404: The host answered 404."
    assert error["created_at"].endswith("Z")
    assert (status["progress"]["successful_count"], status["progress"]["failed_count"]) == (3, 1)
    assert (status["progress"]["current_chunk"], status["progress"]["is_active"]) == (2, False)
    performance = status["performance"]
    assert performance["success_rate"] == performance["success_rate_percentage"] == 75.0
    assert performance["average_time_per_url"] > 0
    info = status["batch_info"]
    assert (info["chunk_size"], info["total_chunks"], info["total_urls"]) == (2, 2, 4)
    assert info["created_at"] <= info["started_at"] <= info["completed_at"]


async def test_2_08_while_a_batch_runs_its_status_moves(client: httpx.AsyncClient, site: Site) -> None:
    slow = f"{site.url}/slow/photos/1-8x8.jpg?delay_ms=2500&each={uuid4().hex}"
    batch_id = await create_batch(client, batch_csv([*site.photos(2), slow]), chunk_size="2")

    async def first_are_done() -> dict[str, Any]:
        found = await told(client, f"/batches/{batch_id}/status")
        assert found["processed_files"] == 2
        return found

    status = await eventually(first_are_done, 20)
    assert (status["status"], status["progress_percentage"], status["processing_rate"]) == (
        "processing", 66.67, 0.0,
    )  # fmt: skip
    assert status["chunk_statistics"] == {"total": 2, "completed": 1, "processing": 1, "pending": 0, "failed": 0}
    assert (await client.get(f"/api/v1/batches/{batch_id}/status")).headers["x-polling-interval"] in ("15", "30")
    assert (await until_batch_ended(client, batch_id))["processed_files"] == 3


async def test_the_details_are_flat_and_nested(client: httpx.AsyncClient, site: Site) -> None:
    (good,) = site.photos(1)
    bad = f"{site.url}/not-an-image.jpg?{uuid4().hex}"
    batch_id = await run_batch(client, batch_csv([good, bad]), batch_name="Two")
    found = await told(client, f"/batch/{batch_id}")
    flat = ("batch_id", "batch_name", "status", "total_urls", "processed_count", "successful_count")
    assert [found[name] for name in flat] == [batch_id, "Two", "completed", 2, 2, 1]
    assert found["progress_percentage"] == 100.0
    results = {result["url"]: result for result in found["recent_results"]}
    assert results[good]["success"] is True
    assert results[good]["error_message"] is None
    assert results[bad]["success"] is False
    assert results[bad]["error_message"].startswith("not_an_image: ")
    assert {"batch_info", "progress", "timing", "performance"} <= found.keys()


async def test_a_batch_is_analysed_unless_it_is_told_not_to_be(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await run_batch(client, batch_csv([site.photo(), f"{site.url}/broken.jpg?{uuid4().hex}"]), operation="")
    found = await told(client, f"/batch/{batch_id}")
    assert (found["batch_info"]["operation"], found["batch_info"]["provider"]) == ("analyze", "auto")
    assert (found["successful_count"], found["status"]) == (1, "completed")
    (error,) = found["recent_errors"]
    assert error["error_message"].partition(":")[0] in ("truncated", "decode_failed")


async def test_chunks_have_counters_and_times_of_their_own(client: httpx.AsyncClient, site: Site) -> None:
    bad = [f"{site.url}/missing.jpg?{uuid4().hex}" for _ in range(2)]
    batch_id = await run_batch(client, batch_csv([*site.photos(2), *bad]), chunk_size="2")
    first, second = (await told(client, f"/batches/{batch_id}/chunks"))["chunks"]
    assert (first["successful_count"], first["failed_count"], first["processed_count"]) == (2, 0, 2)
    assert (second["successful_count"], second["failed_count"], second["processed_count"]) == (0, 2, 2)
    for chunk in (first, second):
        assert (chunk["status"], chunk["progress_percentage"], chunk["error_message"]) == ("completed", 100.0, None)
        assert chunk["started_at"] <= chunk["completed_at"]
        assert chunk["processing_time_seconds"] >= 0


async def test_2_09_batches_are_listed_newest_first_page_by_page(alice: Caller) -> None:
    ids = [await waiting(alice, batch_name=str(each)) for each in range(3)][::-1]
    answer = (await alice.get("/api/v1/batches", params={"limit": 500})).json()
    assert answer["data"]["limit"] == 100
    assert answer["data"]["status_filter"] is None
    assert [batch["batch_id"] for batch in answer["data"]["batches"]] == ids
    assert answer["data"]["count"] == 3
    assert answer["pagination"] == {"page": 1, "per_page": 100, "has_next": False, "total_returned": 3}
    second = (await alice.get("/api/v1/batches", params={"page": 2, "per_page": 1})).json()
    assert [batch["batch_id"] for batch in second["data"]["batches"]] == ids[1:2]
    assert second["pagination"] == {"page": 2, "per_page": 1, "has_next": True, "total_returned": 1}
    beyond = (await alice.get("/api/v1/batches", params={"page": 1_000_000, "limit": 2})).json()
    assert beyond["data"]["batches"] == []


async def test_2_09_batches_are_filtered_by_their_status(alice: Caller, site: Site) -> None:
    done = await run_batch(alice, batch_csv(site.photos(1)))
    pending = await waiting(alice)
    for status, expected in (("completed", [done]), ("pending", [pending]), ("failed", [])):
        found = await told(alice, "/batches", status=status)
        assert [batch["batch_id"] for batch in found["batches"]] == expected
        assert found["status_filter"] == status


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"status": "bogus"}, "Invalid status filter: bogus"),
        ({"status": "COMPLETED"}, "Invalid status filter: COMPLETED"),
        ({"status": "'; DROP TABLE batches"}, "Invalid status filter: '; DROP TABLE batches"),
        ({"limit": "0"}, "limit must be a number from 1 to 1,000,000"),
        ({"limit": "-1"}, "limit must be a number from 1 to 1,000,000"),
        ({"limit": "ten"}, "limit must be a number from 1 to 1,000,000"),
        ({"page": "1.5"}, "page must be a number from 1 to 1,000,000"),
        ({"page": "9" * 30}, "page must be a number from 1 to 1,000,000"),
        ({"per_page": "\0"}, "per_page must be a number from 1 to 1,000,000"),
        ({"per_page": "٣"}, "per_page must be a number from 1 to 1,000,000"),
    ],
    ids=range(10),
)
async def test_2_09_a_query_that_is_not_as_it_must_be_is_named(
    client: httpx.AsyncClient, query: dict[str, str], message: str
) -> None:
    assert refused(await client.get("/api/v1/batches", params=query), 400) == message


async def test_a_list_tells_all_of_a_batch(alice: Caller) -> None:
    content = 'name,url,note\nChair,http://127.0.0.1:9/1.jpg,"a, b"\n'
    batch_id = await create_batch(alice, content, auto_start="false", batch_name="Café ☕", file_name="my list.csv")
    (batch,) = (await told(alice, "/batches"))["batches"]
    assert batch == {
        "batch_id": batch_id,
        "batch_name": "Café ☕",
        "description": None,
        "status": "pending",
        "is_active": True,
        "total_urls": 1,
        "chunk_size": 2000,
        "total_chunks": 1,
        "processed_count": 0,
        "successful_count": 0,
        "failed_count": 0,
        "cancelled_count": 0,
        "current_chunk": 0,
        "progress_percentage": 0.0,
        "created_at": batch["created_at"],
        "updated_at": batch["updated_at"],
        "started_at": None,
        "completed_at": None,
        "estimated_completion": None,
        "processing_rate": 0.0,
        "success_rate": 0.0,
        "original_filename": "my list.csv",
        "error_message": None,
        "retry_count": 0,
        "columns": ["name", "note"],
        "operation": "copy",
        "provider": "auto",
        "webhook_url": None,
        "is_soft_deleted": False,
        "deletion_date": None,
    }


async def test_progress_is_told_as_it_happens_until_the_end(client: httpx.AsyncClient, site: Site) -> None:
    slow = [f"{site.url}/slow/photos/1-8x8.jpg?delay_ms={delay}&each={uuid4().hex}" for delay in (300, 1200)]
    batch_id = await create_batch(client, batch_csv(slow))
    news = []
    async with client.stream("GET", f"/api/v1/batches/{batch_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        event = ""
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                news.append((event, json.loads(value)))
    assert {event for event, _ in news[:-1]} == {"progress"}
    assert news[-1][0] == "end"
    counts = [body["processed_count"] for _, body in news]
    assert counts == sorted(counts)
    assert {1, 2} <= set(counts)
    assert news[-1][1] == await told(client, f"/batches/{batch_id}/progress")


async def test_news_of_a_batch_end_when_it_is_deleted(client: httpx.AsyncClient) -> None:
    batch_id = await waiting(client)
    events = []
    async with client.stream("GET", f"/api/v1/batches/{batch_id}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                events.append(line)
                if events == ["event: progress"]:
                    gone = await client.delete(f"/api/v1/batches/{batch_id}", params={"force": "true"})
                    assert gone.status_code == 200, gone.text
    assert events == ["event: progress", "event: end"]


async def test_an_account_has_so_many_streams_open_at_once(alice: Caller) -> None:
    batch_id = await waiting(alice)
    path = f"/api/v1/batches/{batch_id}/events"
    async with (
        alice.stream("GET", path) as first,
        alice.stream("GET", path),
        alice.stream("GET", path),
        alice.stream("GET", path),
        alice.stream("GET", path),
    ):
        assert first.status_code == 200
        answer = await alice.get(path)
        assert refused(answer, 429) == "At most 5 streams may be open at once"
        assert answer.headers["retry-after"]


@pytest.mark.parametrize("batch_id", [UNKNOWN_ID, "nothing", "' OR 1=1", "%00", UNKNOWN_ID.replace("-", ""), "x" * 300])
async def test_an_unknown_or_malformed_id_is_not_found(client: httpx.AsyncClient, batch_id: str) -> None:
    for view in VIEWS:
        answer = await client.get(f"/api/v1/batches/{batch_id}/{view}")
        assert refused(answer, 404).startswith("Batch ")
        assert answer.json()["error"].endswith(" not found")
    answer = await client.get(f"/api/v1/batch/{batch_id}")
    assert refused(answer, 404) == "Batch not found"
    assert "id" in answer.json()


async def test_anothers_batch_is_not_found(alice: Caller, bob: Caller) -> None:
    batch_id = await waiting(alice)
    for view in VIEWS:
        answer = await bob.get(f"/api/v1/batches/{batch_id}/{view}")
        assert refused(answer, 404) == f"Batch {batch_id} not found"
    assert refused(await bob.get(f"/api/v1/batch/{batch_id}"), 404) == "Batch not found"
    assert (await told(bob, "/batches"))["count"] == 0


async def test_the_door_answers_a_ping_and_refuses_wrong_methods(client: httpx.AsyncClient) -> None:
    assert await told(client, "/ping") == {"status": "ok"}
    assert refused(await client.put("/api/v1/batches"), 405)
    assert refused(await client.get("/upload"), 405)
    assert refused(await client.get("/api/v1/nothing"), 404)
