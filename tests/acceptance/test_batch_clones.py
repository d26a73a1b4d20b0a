"""The batches door: clones, with and without results; batches that are hidden, deleted and swept up."""

import json
from typing import Any

import httpx
import pytest

from deploy.local.stack import Stack
from tests.batch_builders import batch_csv, refused, run_batch, told
from tests.batch_steering import (
    act,
    counts_of,
    done,
    missing_photos,
    pending_batch,
    progress,
    start_slow_batch,
    until_status,
)
from tests.builders import Site
from tests.eventually import eventually
from tests.invariants import ask, assert_consistent
from tests.odd_bodies import NO_OBJECTS, WRONG_VALUES

NUMBERS = ("status", "processed_count", "successful_count", "failed_count")
ROWS = """
    SELECT (SELECT count(*) FROM {0} WHERE job_id = '{1}') AS rows
"""


async def list_ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """Ids of the newest batches in the list."""
    return [batch["batch_id"] for batch in (await told(client, "/batches", limit=100, **query))["batches"]]


async def rows_of(stack: Stack, batch_id: str) -> dict[str, int]:
    """How many rows there are of a batch, by service and table."""
    tables = {
        "gateway": ("jobs", "batches", "chunks", "images", "results", "problem_counts"),
        "exporter": ("results",),
    }
    return {
        f"{service}.{table}": (await ask(stack.urls.postgres[service], ROWS.format(table, batch_id)))[0]["rows"]
        for service, names in tables.items()
        for table in names
    }


async def test_a_clone_has_the_same_urls_and_is_not_started(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    urls = [*site.photos(5), *missing_photos(site, 1)]
    original = await run_batch(client, batch_csv(urls), chunk_size="4")
    said = refused(await act(client, original, "clone", {}), 400)
    assert said == "new_name parameter is required"
    data = await done(client, original, "clone", {"new_name": " Again "})
    assert data["new_batch_name"] == "Again"
    assert (data["original_batch_id"], data["chunks_created"], data["results_copied"]) == (original, 2, 0)
    clone = data["new_batch_id"]
    assert counts_of(await progress(client, clone), *NUMBERS) == ("pending", 0, 0, 0)
    sources = "SELECT seq, source_url FROM images WHERE job_id = '{}' ORDER BY seq"
    found, expected = [await ask(stack.urls.postgres["gateway"], sources.format(each)) for each in (clone, original)]
    assert found == expected
    await done(client, clone, "start")
    assert counts_of(await until_status(client, clone, "completed"), *NUMBERS) == ("completed", 6, 5, 1)
    await assert_consistent(stack.urls)


async def test_a_clone_with_results_runs_only_the_rest(client: httpx.AsyncClient, stack: Stack, site: Site) -> None:
    original = await start_slow_batch(client, site, 120, chunk_size="50")
    await done(client, original, "cancel")
    await assert_consistent(stack.urls)
    ended = (await progress(client, original))["successful_count"]
    data = await done(client, original, "clone", {"new_name": "the rest", "copy_results": True})
    assert data["results_copied"] == ended
    clone = data["new_batch_id"]
    assert counts_of(await progress(client, clone), *NUMBERS) == ("pending", ended, ended, 0)
    await assert_consistent(stack.urls)
    before = sum((await site.counts()).values())
    await done(client, clone, "start")
    assert counts_of(await until_status(client, clone, "completed"), *NUMBERS) == ("completed", 120, 120, 0)
    assert sum((await site.counts()).values()) - before == 120 - ended
    await assert_consistent(stack.urls)


async def test_a_clone_of_what_is_done_is_done_when_it_is_started(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    original = await run_batch(client, batch_csv([*site.photos(2), *missing_photos(site, 1)]))
    clone = (await done(client, original, "clone", {"new_name": "done", "copy_results": True}))["new_batch_id"]
    await done(client, clone, "start")
    assert counts_of(await progress(client, clone), *NUMBERS) == ("completed", 3, 2, 1)
    await assert_consistent(stack.urls)
    again = await client.post(f"/api/v1/batches/{clone}/retry")
    assert again.json()["data"]["retried"] == 1
    await until_status(client, clone, "completed")
    await assert_consistent(stack.urls)


async def test_a_running_batch_is_cloned_as_it_is_at_that_moment(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    original = await start_slow_batch(client, site, 150)
    data = await done(client, original, "clone", {"new_name": "meanwhile", "copy_results": True})
    clone = data["new_batch_id"]
    assert counts_of(await progress(client, clone), "processed_count") == (data["results_copied"],)
    await done(client, clone, "start")
    for each in (original, clone):
        assert counts_of(await until_status(client, each, "completed"), *NUMBERS) == ("completed", 150, 150, 0)
    await assert_consistent(stack.urls)


async def test_a_soft_deleted_batch_is_hidden_and_deleted_when_its_time_has_come(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    batch_id = await start_slow_batch(client, site, 100)
    data = await done(client, batch_id, "soft-delete")
    assert (data["batch_id"], data["retention_days"], data["success"]) == (batch_id, 30, True)
    assert data["deletion_date"].endswith("Z")
    assert (await progress(client, batch_id))["status"] == "cancelled"
    assert batch_id not in await list_ids(client)
    assert batch_id in await list_ids(client, include_soft_deleted="true")
    assert (await done(client, batch_id, "soft-delete", {"retention_days": 0}))["retention_days"] == 0

    async def gone() -> None:
        assert (await client.get(f"/api/v1/batches/{batch_id}/status")).status_code == 404
        assert set((await rows_of(stack, batch_id)).values()) == {0}

    await eventually(gone, 30)
    await assert_consistent(stack.urls)


async def test_an_active_batch_is_deleted_only_by_force_and_leaves_nothing(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    batch_id = await start_slow_batch(client, site, 150)
    path = f"/api/v1/batches/{batch_id}"
    said = refused(await client.delete(path), 400)
    assert said == f"Cannot delete active batch {batch_id}. Use force=True to override."
    answer = await client.delete(path, params={"force": "true"})
    assert answer.json()["data"] == {"batch_id": batch_id, "deleted": True}
    refused(await client.get(f"{path}/status"), 404)
    refused(await client.delete(path, params={"force": "true"}), 404)
    refused(await act(client, batch_id, "force-start"), 404)

    async def swept() -> None:
        assert set((await rows_of(stack, batch_id)).values()) == {0}

    await eventually(swept, 30)
    await assert_consistent(stack.urls)
    assert set((await rows_of(stack, batch_id)).values()) == {0}


async def test_a_soft_deleted_batch_that_runs_again_is_back(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await run_batch(client, batch_csv(missing_photos(site, 1)))
    await done(client, batch_id, "soft-delete", {"retention_days": 1})
    await done(client, batch_id, "force-start")
    assert batch_id in await list_ids(client)
    assert (await until_status(client, batch_id, "completed"))["failed_count"] == 1


@pytest.mark.parametrize("days", [-1, 3651, 1.5, "30", None, True, [30]], ids=str)
async def test_a_retention_that_is_no_number_of_days_is_refused(
    client: httpx.AsyncClient, site: Site, days: object
) -> None:
    batch_id = await pending_batch(client, site.photos(1))
    assert "retention_days" in refused(await act(client, batch_id, "soft-delete", {"retention_days": days}), 400)


@pytest.mark.parametrize("value", WRONG_VALUES.values(), ids=list(WRONG_VALUES))
async def test_odd_names_and_flags_are_refused(client: httpx.AsyncClient, site: Site, value: object) -> None:
    batch_id = await pending_batch(client, site.photos(1))
    path = f"/api/v1/batches/{batch_id}/clone"
    body = json.dumps({"new_name": value})
    assert "new_name" in refused(await client.post(path, content=body), 400)
    if not isinstance(value, bool):
        body = json.dumps({"new_name": "again", "copy_results": value})
        assert "copy_results" in refused(await client.post(path, content=body), 400)


@pytest.mark.parametrize("body", NO_OBJECTS.values(), ids=list(NO_OBJECTS))
@pytest.mark.parametrize("action", ["clone", "soft-delete", "force-start"])
async def test_bodies_that_are_no_objects_are_refused_or_none(
    client: httpx.AsyncClient, site: Site, action: str, body: bytes
) -> None:
    batch_id = await pending_batch(client, site.photos(1))
    answer = await client.post(f"/api/v1/batches/{batch_id}/{action}", content=body)
    is_object = body == b"" or body.startswith(b"\xff\xfe{")  # none, or one in UTF-16
    assert answer.status_code == (200 if is_object and action != "clone" else 400), answer.text
    assert answer.json()["timestamp"].endswith("Z")
