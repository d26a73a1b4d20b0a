"""The albums door's jobs: looked at, asked about together, deleted, and single images enhanced."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from deploy.local.stack import Stack
from tests.album_orders import (
    PRICE,
    amounts_of,
    balance_of,
    jobs_of,
    new_album,
    order,
    post_enhance,
    until_begun,
    until_over,
)
from tests.album_uploads import body_of, refusal
from tests.builders import UNKNOWN_ID
from tests.callers import new_caller
from tests.invariants import assert_consistent
from tests.stacks import frozen

NO_JOB = (404, "Job not found")


@pytest.fixture
async def caller(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """An account with a hundred tokens."""
    async with await new_caller(stack, tokens=100) as opened:
        yield opened


@pytest.fixture
async def other(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Another account."""
    async with await new_caller(stack) as opened:
        yield opened


async def test_a_batch_is_named_by_its_id_and_each_job_by_its_own(caller: httpx.AsyncClient) -> None:
    ordered = await order(caller, 2)
    jobs = await until_over(caller, ordered.batch_id)
    assert [job["image"]["id"] for job in jobs] == ordered.image_ids
    assert body_of(await caller.get(f"/api/jobs/{ordered.batch_id}"))["status"] == "COMPLETED"
    for job in jobs:
        assert body_of(await caller.get(f"/api/jobs/{job['id']}")) == job
        assert body_of(await caller.get(f"/api/jobs/{job['id'].upper()}")) == job
        assert job["createdAt"] <= job["processingStartedAt"] <= job["processingCompletedAt"]
        assert (job["batchId"], job["tokensCost"], job["errorMessage"]) == (ordered.batch_id, PRICE, None)
        assert (await caller.get(job["enhancedUrl"])).headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("named", ["batch-1", f"album-{UNKNOWN_ID}-1", UNKNOWN_ID, "x", "%00", "batch-status"])
async def test_what_is_no_job_is_unknown(caller: httpx.AsyncClient, named: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/stream")):
        assert refusal(await caller.request(method, f"/api/jobs/{named}{path}")) == NO_JOB


async def test_another_accounts_jobs_are_unknown(caller: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    ordered = await order(caller, 1)
    (job,) = await until_over(caller, ordered.batch_id)
    for named in (job["id"], ordered.batch_id):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/stream")):
            assert refusal(await other.request(method, f"/api/jobs/{named}{path}")) == NO_JOB
        asked = await other.post("/api/jobs/batch-status", json={"jobIds": [named]})
        assert body_of(asked) == {"jobs": []}


async def test_jobs_are_told_of_in_the_order_in_which_they_are_asked_for(caller: httpx.AsyncClient) -> None:
    ordered = await order(caller, 2)
    first, second = await until_over(caller, ordered.batch_id)
    asked = [second["id"], str(uuid4()), "batch-1\0", ordered.batch_id, first["id"], second["id"]]
    told = body_of(await caller.post("/api/jobs/batch-status", json={"jobIds": asked}))["jobs"]
    assert [job["id"] for job in told] == [second["id"], ordered.batch_id, first["id"], second["id"]]
    assert told[0] == {"id": second["id"], "status": "COMPLETED", "errorMessage": None}


async def test_a_deleted_job_is_unknown_and_its_image_counts_as_not_enhanced(
    stack: Stack, caller: httpx.AsyncClient
) -> None:
    with frozen(stack, "enhancer"):
        ordered = await order(caller, 2)
        running = (await until_begun(caller, ordered.batch_id))[0]
        for named, status in ((running["id"], "PROCESSING"), (ordered.batch_id, "PROCESSING")):
            code, message = refusal(await caller.delete(f"/api/jobs/{named}"))
            assert code == 400
            assert message.startswith(f"Cannot delete job with status: {status}. Only COMPLETED, FAILED,")
    first, second = await until_over(caller, ordered.batch_id)
    deleted = await caller.delete(f"/api/jobs/{first['id']}")
    assert body_of(deleted) == {"success": True, "message": "Job deleted successfully"}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/stream"), ("GET", "/image")):
        assert (await caller.request(method, f"/api/jobs/{first['id']}{path}")).status_code == 404
    assert [job["id"] for job in await jobs_of(caller, ordered.batch_id)] == [second["id"]]
    assert body_of(await caller.get(f"/api/images/{first['image']['id']}"))["image"]["jobs"] == []
    assert body_of(await caller.get(f"/api/images/{first['image']['id']}/versions"))["versions"] == []
    again = body_of(await post_enhance(caller, ordered.album_id))
    assert (again["skipped"], [job["imageId"] for job in again["jobs"]]) == (1, [first["image"]["id"]])
    await until_over(caller, again["jobs"][0]["jobId"])
    assert await amounts_of(caller, "SPEND_ENHANCEMENT") == [-2 * PRICE, -PRICE]


async def test_a_batch_can_be_deleted_as_a_whole(caller: httpx.AsyncClient) -> None:
    ordered = await order(caller, 2)
    jobs = await until_over(caller, ordered.batch_id)
    assert (await caller.delete(f"/api/jobs/{ordered.batch_id}")).status_code == 200
    for named in (ordered.batch_id, *(job["id"] for job in jobs)):
        assert refusal(await caller.get(f"/api/jobs/{named}")) == NO_JOB


async def test_what_could_not_be_paid_was_never_there(stack: Stack, other: httpx.AsyncClient) -> None:
    album_id, image_ids = await new_album(other, 2)
    declined = await post_enhance(other, album_id)
    assert (declined.status_code, declined.json()) == (
        402,
        {"error": "Insufficient tokens", "required": 2 * PRICE, "toEnhance": 2},
    )
    batch = await other.post("/api/images/batch-enhance", json={"imageIds": image_ids, "tier": "TIER_4K"})
    assert (batch.status_code, batch.json()["required"]) == (402, 20)
    for image_id in image_ids:
        assert body_of(await other.get(f"/api/images/{image_id}"))["image"]["jobs"] == []
    assert body_of(await other.get("/api/tokens/transactions"))["total"] == 0
    await assert_consistent(stack.urls)


async def test_an_image_is_enhanced_by_itself_and_again_when_it_is_asked_for(
    stack: Stack, caller: httpx.AsyncClient
) -> None:
    _, (image_id,) = await new_album(caller, 1)
    body = {"imageId": image_id, "tier": "TIER_1K"}
    with frozen(stack, "enhancer"):
        first = body_of(await caller.post("/api/images/enhance", json=body))
        assert (first["tokenCost"], first["newBalance"]) == (PRICE, 98)
        while_it_runs = body_of(await caller.post("/api/images/enhance", json=body))
        assert while_it_runs == {**first, "tokenCost": 0}
    job = body_of(await caller.get(f"/api/jobs/{first['jobId']}"))
    (done,) = await until_over(caller, job["batchId"])
    assert done["id"] == first["jobId"]
    again = body_of(await caller.post("/api/images/enhance", json=body))
    assert (again["tokenCost"], again["newBalance"]) == (PRICE, 96)
    assert again["jobId"] != first["jobId"]


async def test_images_are_enhanced_together_when_all_are_the_callers(
    caller: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    _, image_ids = await new_album(caller, 3)
    _, (foreign,) = await new_album(other, 1)
    for odd in (foreign, str(uuid4()), "x"):
        body = {"imageIds": [*image_ids, odd], "tier": "TIER_1K"}
        answer = await caller.post("/api/images/batch-enhance", json=body)
        assert refusal(answer) == (404, "One or more images not found or unauthorized")
        single = await caller.post("/api/images/enhance", json={"imageId": odd, "tier": "TIER_1K"})
        assert refusal(single) == (404, "Image not found")
    assert await balance_of(caller) == 100
    asked = [image_ids[2], image_ids[0], image_ids[2]]
    said = body_of(await caller.post("/api/images/batch-enhance", json={"imageIds": asked, "tier": "TIER_2K"}))
    assert said["summary"] == {"total": 2, "queued": 2, "skipped": 0, "totalCost": 10, "newBalance": 90}
    jobs = await until_over(caller, said["batchId"])
    assert [(job["image"]["id"], job["id"]) for job in jobs] == [
        (each["imageId"], each["jobId"]) for each in said["jobs"]
    ]
    assert [job["image"]["id"] for job in jobs] == asked[:2]


async def test_what_it_would_cost_is_told_even_if_it_cannot_be_paid(other: httpx.AsyncClient) -> None:
    album_id, _ = await new_album(other, 3)
    path = f"/api/albums/{album_id}/enhance?dry_run=true"
    assert body_of(await other.post(path, json={"tier": "TIER_4K"})) == {
        "success": True,
        "totalImages": 3,
        "skipped": 0,
        "queued": 3,
        "totalCost": 30,
        "newBalance": 0,
        "jobs": [],
        "dryRun": True,
        "sufficient": False,
    }
    assert refusal(await other.post(path, json={"tier": "TIER_8K"})) == (400, "Invalid tier")
    assert refusal(await other.post(path, json={"tier": "TIER_1K", "provider": "x"})) == (400, "Invalid provider")


async def test_an_image_that_is_deleted_while_it_is_enhanced_ends_as_any_other(
    stack: Stack, caller: httpx.AsyncClient
) -> None:
    with frozen(stack, "fetcher"):
        ordered = await order(caller, 2)
        await until_begun(caller, ordered.batch_id)
        for image_id in ordered.image_ids:
            assert (await caller.delete(f"/api/images/{image_id}")).status_code == 200
    jobs = await until_over(caller, ordered.batch_id)
    assert [job["status"] for job in jobs] == ["COMPLETED"] * 2
    assert [job["image"]["originalUrl"] for job in jobs] == [None] * 2
