"""The batches door: batches are started, paused, resumed, cancelled; they go on where they were."""

import asyncio
import signal
import time

import httpx
import pytest

from deploy.local.stack import Stack
from tests.batch_builders import batch_csv, create_batch, refused, run_batch, told
from tests.batch_steering import act, done, missing_photos, pending_batch, progress, start_slow_batch, until_status
from tests.builders import UNKNOWN_ID, Site
from tests.eventually import eventually
from tests.invariants import ask, assert_consistent

ACTIONS = ["start", "pause", "resume", "cancel", "force-start", "soft-delete", "retry"]
RESULTS_OF = "SELECT image_id, count(*) AS results FROM results WHERE job_id = '{}' GROUP BY image_id"


async def test_a_batch_of_many_chunks_is_completed(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await run_batch(client, batch_csv(site.photos(25)), chunk_size="5")
    chunks = await told(client, f"/batches/{batch_id}/chunks")
    assert [chunk["status"] for chunk in chunks["chunks"]] == ["completed"] * 5
    assert (await progress(client, batch_id))["successful_count"] == 25


async def test_a_paused_batch_lets_no_more_images_in_and_goes_on_when_resumed(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    batch_id = await start_slow_batch(client, site)
    assert await done(client, batch_id, "pause") == {"batch_id": batch_id, "paused": True}
    paused_at = time.monotonic()
    before = await until_frozen(client, batch_id)
    assert time.monotonic() - paused_at < 4  # two looks, one second apart, are a part of it
    assert before["processed_count"] < before["total_urls"]
    assert before["status"] == "paused"
    assert await done(client, batch_id, "resume") == {"batch_id": batch_id, "resumed": True}
    after = await until_status(client, batch_id, "completed")
    assert after["successful_count"] == after["total_urls"] == 200
    said = refused(await act(client, batch_id, "pause"), 400)
    assert said == f"Batch {batch_id} cannot be paused in completed status"
    assert refused(await act(client, batch_id, "resume"), 400) == f"Batch {batch_id} is not paused"
    await assert_consistent(stack.urls)


async def until_frozen(client: httpx.AsyncClient, batch_id: str) -> dict[str, object]:
    """Wait until nothing has moved for a second."""

    async def frozen() -> dict[str, object]:
        before = await progress(client, batch_id)
        await asyncio.sleep(1)  # what is waited for is that nothing happens
        after = await progress(client, batch_id)
        assert before["processed_count"] == after["processed_count"]
        return after

    return await eventually(frozen, 10)


async def test_a_batch_that_is_paused_at_its_last_image_completes_on_resume(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    url = f"{site.url}/slow{site.target(site.photo())}?delay_ms=1500"
    batch_id = await create_batch(client, batch_csv([url]))

    async def fetching() -> None:
        assert site.target(url) in await site.counts()

    await eventually(fetching)
    await done(client, batch_id, "pause")
    await until_frozen(client, batch_id)
    assert (await progress(client, batch_id))["status"] == "paused"
    await done(client, batch_id, "resume")
    await until_status(client, batch_id, "completed")
    await assert_consistent(stack.urls)


async def test_a_cancelled_batch_stops_and_stays_so(client: httpx.AsyncClient, stack: Stack, site: Site) -> None:
    batch_id = await start_slow_batch(client, site)
    assert await done(client, batch_id, "cancel") == {"batch_id": batch_id, "cancelled": True}
    assert (await told(client, f"/batches/{batch_id}/status"))["timing"]["completed_at"] is not None
    assert refused(await act(client, batch_id, "cancel"), 400) == f"Batch {batch_id} is already cancelled"
    assert refused(await act(client, batch_id, "start"), 400) == f"Batch {batch_id} is not in pending status"
    await assert_consistent(stack.urls)
    after = await progress(client, batch_id)
    assert after["status"] == "cancelled"
    assert after["successful_count"] < 200


async def test_a_pending_batch_is_started_once_or_cancelled(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    batch_id, other = [await pending_batch(client, site.photos(3)) for _ in range(2)]
    answer = await act(client, batch_id, "start")
    assert answer.json()["data"] == {"batch_id": batch_id, "started": True}
    assert answer.json()["message"] == f"Batch {batch_id} processing started"
    assert refused(await act(client, batch_id, "start"), 400) == f"Batch {batch_id} is not in pending status"
    await done(client, other, "cancel")
    await until_status(client, batch_id, "completed")
    await assert_consistent(stack.urls)
    assert (await progress(client, other))["status"] == "cancelled"
    assert (await progress(client, other))["processed_count"] in (0, 3)


@pytest.mark.parametrize("batch_id", [UNKNOWN_ID, "nothing", "%00", "%ff%fe", "a" * 3000])
@pytest.mark.parametrize("action", ACTIONS)
async def test_an_unknown_batch_is_not_there_for_any_action(
    client: httpx.AsyncClient, action: str, batch_id: str
) -> None:
    assert "not found" in refused(await act(client, batch_id, action), 404)


@pytest.mark.parametrize("batch_id", [UNKNOWN_ID, "nothing"])
async def test_an_unknown_batch_cannot_be_deleted_or_cloned(client: httpx.AsyncClient, batch_id: str) -> None:
    assert "not found" in refused(await client.delete(f"/api/v1/batches/{batch_id}"), 404)
    assert "not found" in refused(await act(client, batch_id, "clone", {"new_name": "again"}), 404)
    assert "not found" in refused(await client.post(f"/api/v1/results/{batch_id}/retry"), 404)


async def test_every_url_has_one_result_when_everything_was_killed_meanwhile(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    urls = [*site.photos(5), *missing_photos(site, 5)]
    other = await run_batch(client, batch_csv(urls))
    batch_id = await start_slow_batch(client, site, 150)
    for name in ("gateway", "fetcher", "enhancer", "exporter"):
        stack.kill(name, signal.SIGKILL)
    assert await asyncio.to_thread(stack.wait_healthy, ("gateway", "fetcher", "enhancer", "exporter"), 40)
    after = await until_status(client, batch_id, "completed")
    assert after["successful_count"] == 150
    await assert_consistent(stack.urls)
    for each, number in ((batch_id, 150), (other, 10)):
        for service in ("gateway", "exporter"):
            found = await ask(stack.urls.postgres[service], RESULTS_OF.format(each))
            assert [row["results"] for row in found] == [1] * number
