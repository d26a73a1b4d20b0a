"""The batches door: what did not succeed runs again, whether it failed, was cancelled, hangs or waits."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from deploy.local.stack import Stack
from tests.batch_builders import batch_csv, create_batch, refused, run_batch, told
from tests.batch_steering import (
    act,
    counts_of,
    done,
    missing_photos,
    pending_batch,
    progress,
    slow_photos,
    start_slow_batch,
    until_processed,
    until_status,
)
from tests.builders import Site
from tests.invariants import ask, assert_consistent

NUMBERS = ("status", "processed_count", "successful_count", "failed_count")


def flaky_photos(site: Site, number: int) -> list[str]:
    """URLs that are 404 when they are asked for the first time, and then there."""
    return [f"{site.url}/flaky/1{site.target(url)}&status=404" for url in site.photos(number)]


async def image_ids(stack: Stack, batch_id: str, state: str) -> list[str]:
    """A batch's images in a state, in their order."""
    found = await ask(
        stack.urls.postgres["gateway"],
        f"SELECT image_id FROM images WHERE job_id = '{batch_id}' AND state = '{state}' ORDER BY seq",
    )
    return [str(row["image_id"]) for row in found]


async def test_failed_images_run_again_and_their_results_are_replaced(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    urls = [*site.photos(3), *flaky_photos(site, 4), *missing_photos(site, 2)]
    batch_id = await run_batch(client, batch_csv(urls), chunk_size="4")
    assert counts_of(await progress(client, batch_id), *NUMBERS) == ("completed", 9, 3, 6)
    answer = await client.post(f"/api/v1/batches/{batch_id}/retry", params={"only": "failed"})
    assert answer.json()["data"] == {"batch_id": batch_id, "retried": 6, "run": 2}
    after = await until_status(client, batch_id, "completed")
    assert counts_of(after, *NUMBERS) == ("completed", 9, 7, 2)
    await assert_consistent(stack.urls)


async def test_a_failed_image_runs_again_alone(client: httpx.AsyncClient, stack: Stack, site: Site) -> None:
    batch_id = await run_batch(client, batch_csv([*site.photos(2), *flaky_photos(site, 3)]), chunk_size="2")
    failed = await image_ids(stack, batch_id, "failed")
    answer = await client.post(f"/api/v1/results/{failed[1]}/retry")
    data = {"result_id": failed[1], "batch_id": batch_id, "retried": 1, "run": 2}
    assert answer.json()["data"] == data
    after = await until_status(client, batch_id, "completed")
    assert counts_of(after, *NUMBERS) == ("completed", 5, 3, 2)
    assert failed[1] in await image_ids(stack, batch_id, "succeeded")
    await assert_consistent(stack.urls)
    assert "has not failed" in refused(await client.post(f"/api/v1/results/{failed[1]}/retry"), 400)


async def test_nothing_is_retried_while_a_batch_is_active_or_when_nothing_failed(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    whole = await run_batch(client, batch_csv(site.photos(2)))
    assert "has no failed images" in refused(await act(client, whole, "retry"), 400)
    running = await create_batch(client, batch_csv([*missing_photos(site, 1), *slow_photos(site, 60)]))
    await until_processed(client, running, 1)
    assert "has not ended" in refused(await act(client, running, "retry"), 400)
    (failed,) = await image_ids(stack, running, "failed")
    assert "has not ended" in refused(await client.post(f"/api/v1/results/{failed}/retry"), 400)
    await done(client, running, "cancel")


async def test_a_completed_batch_is_force_started_only_without_validation(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    whole = await run_batch(client, batch_csv(site.photos(3)))
    said = refused(await act(client, whole, "force-start"), 400)
    assert said == "Cannot force start a completed batch. Use clone instead."
    data = await done(client, whole, "force-start", {"skip_validation": True})
    assert data["original_status"] == "completed"
    assert (data["new_status"], data["chunks_reset"], data["success"]) == ("PROCESSING", 0, True)
    assert (await progress(client, whole))["status"] == "completed"  # nothing was left to do
    part = await run_batch(client, batch_csv([*site.photos(2), *flaky_photos(site, 2)]))
    assert (await done(client, part, "force-start", {"skip_validation": True}))["chunks_reset"] == 1
    await until_status(client, part, "completed")
    assert (await progress(client, part))["successful_count"] == 4
    await assert_consistent(stack.urls)


async def test_a_pending_batch_is_started_by_force(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await pending_batch(client, site.photos(3))
    data = await done(client, batch_id, "force-start")
    assert (data["original_status"], data["chunks_reset"]) == ("pending", 1)
    await until_status(client, batch_id, "completed")


@pytest.mark.parametrize(("action", "before"), [(None, "processing"), ("pause", "paused"), ("cancel", "cancelled")])
async def test_whatever_has_not_succeeded_runs_again_by_force(
    client: httpx.AsyncClient, stack: Stack, site: Site, action: str | None, before: str
) -> None:
    batch_id = await start_slow_batch(client, site, 150, chunk_size="20")
    if action:
        await done(client, batch_id, action)
    data = await done(client, batch_id, "force-start")
    assert data["original_status"] == before
    after = await until_status(client, batch_id, "completed")
    assert counts_of(after, *NUMBERS) == ("completed", 150, 150, 0)
    await assert_consistent(stack.urls)


async def test_force_starts_at_the_same_time_and_again_and_again_lose_nothing(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    batch_id = await start_slow_batch(client, site, 150)
    for _ in range(4):
        answers = await asyncio.gather(*(act(client, batch_id, "force-start") for _ in range(3)))
        assert [answer.status_code for answer in answers] == [200] * 3
    after = await until_status(client, batch_id, "completed")
    assert counts_of(after, *NUMBERS) == ("completed", 150, 150, 0)
    await assert_consistent(stack.urls)


async def test_a_reset_batch_is_pending_and_its_old_results_stay_until_they_are_replaced(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    batch_id = await run_batch(client, batch_csv([*site.photos(3), *missing_photos(site, 1)]))
    path = f"/admin/batch/{batch_id}/reset"
    kept = await client.post(path)
    assert kept.status_code == 200
    assert kept.json()["success"] is False
    assert kept.json()["data"]["message"] == "Batch is in completed status. Use force=True to reset anyway."
    answer = await client.post(path, json={"force": True})
    assert answer.json()["success"] is True
    assert answer.json()["data"]["reset_chunks"] == 1
    assert answer.json()["data"]["batch_status"] == "pending"
    assert counts_of(await progress(client, batch_id), *NUMBERS) == ("pending", 0, 0, 0)
    count = f"SELECT count(*) AS n FROM results WHERE job_id = '{batch_id}'"
    assert await ask(stack.urls.postgres["gateway"], count) == [{"n": 4}]
    await assert_consistent(stack.urls)
    await done(client, batch_id, "start")
    assert counts_of(await until_status(client, batch_id, "completed"), *NUMBERS) == ("completed", 4, 3, 1)
    await assert_consistent(stack.urls)


async def test_a_batch_is_reset_in_the_middle_and_runs_from_the_start(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    batch_id = await start_slow_batch(client, site, 150)
    answer = await client.post(f"/admin/batch/{batch_id}/reset")
    assert answer.json()["data"]["batch_status"] == "pending"
    assert counts_of(await progress(client, batch_id), *NUMBERS) == ("pending", 0, 0, 0)
    await done(client, batch_id, "start")
    assert counts_of(await until_status(client, batch_id, "completed"), *NUMBERS) == ("completed", 150, 150, 0)
    await assert_consistent(stack.urls)


@pytest.mark.parametrize("body", [{"skip_validation": "yes"}, {"skip_validation": 1}, {"skip_validation": None}])
async def test_a_body_of_the_wrong_shape_names_the_field(
    client: httpx.AsyncClient, site: Site, body: dict[str, object]
) -> None:
    batch_id = await pending_batch(client, site.photos(1))
    assert "skip_validation" in refused(await act(client, batch_id, "force-start", body), 400)


async def test_a_retry_under_a_key_happens_once(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await run_batch(client, batch_csv(missing_photos(site, 2)))
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = [await client.post(f"/api/v1/batches/{batch_id}/retry", headers=headers) for _ in range(2)]
    assert first.status_code == 200
    assert first.json() == second.json()
    other = await client.post(f"/api/v1/batches/{batch_id}/clone", json={"new_name": "again"}, headers=headers)
    assert other.status_code == 422
    assert (await told(client, f"/batches/{batch_id}/status"))["batch_id"] == batch_id
