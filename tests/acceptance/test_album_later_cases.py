"""The albums door's later acceptance cases, each by its number: limits, results, cancelling, balance."""

import io
import math
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from PIL import Image

from deploy.local.stack import Stack
from tests.album_builders import (
    Album,
    album_of,
    balance_of,
    batch_of,
    enhance,
    jobs_of,
    lines_of,
    picture,
    post_enhance,
    said,
    statement_of,
    until_all_ended,
    until_processing,
)
from tests.album_callers import Callers
from tests.eventually import eventually
from tests.invariants import assert_consistent
from tests.stacks import frozen

CLOCKS_DIFFER_SECONDS_MAX = 60
RATE_SECONDS = 60
REGENERATION_MS = 15 * 60 * 1000


async def test_1_15_the_sixth_call_of_a_minute_is_too_many(callers: Callers) -> None:
    caller, other = await callers.new(), await callers.new()
    nowhere = Album(str(uuid4()), ())
    calls = [await post_enhance(caller, nowhere, tier) for tier in ("TIER_1K", "TIER_8K") * 3]
    assert [answer.status_code for answer in calls] == [404, 400, 404, 400, 404, 429]
    sixth, body = calls[-1], calls[-1].json()
    assert body.keys() == {"error", "retryAfter"}
    assert body["error"] == "Rate limit exceeded for batch enhancement"
    assert 0 < body["retryAfter"] <= RATE_SECONDS * 1000
    assert int(sixth.headers["retry-after"]) == math.ceil(body["retryAfter"] / 1000)
    assert sixth.headers["x-ratelimit-remaining"] == "0"
    resets_in_ms = int(sixth.headers["x-ratelimit-reset"]) - time.time() * 1000
    assert abs(resets_in_ms - body["retryAfter"]) < 5000
    assert (await post_enhance(other, nowhere)).status_code == 404


@pytest.mark.parametrize("body", [b"not json", b"", b"[]", b"null", b'"TIER_1K"', b'{"tier": "TIER_1K"'])
async def test_1_16_a_body_that_is_no_json_object_is_refused(callers: Callers, body: bytes) -> None:
    caller = await callers.new()
    album = await album_of(caller, [picture()])
    headers = {"Content-Type": "application/json"}
    answer = await caller.post(f"/api/albums/{album.album_id}/enhance", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}


async def test_1_17_the_longest_side_of_a_result_is_the_tiers(callers: Callers) -> None:
    caller = await callers.new(tokens=8)
    sizes = {(3000, 2000): (1024, 683), (2000, 3000): (683, 1024), (96, 6): (1024, 64), (40, 40): (1024, 1024)}
    album = await album_of(caller, [picture(*size) for size in sizes])
    jobs = await until_all_ended(caller, batch_of(await enhance(caller, album)))
    assert [(job["enhancedWidth"], job["enhancedHeight"]) for job in jobs] == list(sizes.values())
    for job, size in zip(jobs, sizes.values(), strict=True):
        answer = await caller.get(job["enhancedUrl"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(answer.content)) as result:
            result.load()
            assert (result.format, result.size) == ("JPEG", size)


async def test_1_18_a_cancelled_job_stays_cancelled_and_is_given_back_once(callers: Callers, stack: Stack) -> None:
    caller = await callers.new(tokens=6)
    album = await album_of(caller, [picture() for _ in range(3)])
    with frozen(stack, "enhancer"):
        batch_id = batch_of(await enhance(caller, album))
        job_id = (await until_processing(caller, batch_id))["id"]
        body = await said(await caller.post(f"/api/jobs/{job_id}/cancel"))
        assert (body["success"], body["tokensRefunded"], body["newBalance"]) == (True, 2, 2)
        assert (body["job"]["id"], body["job"]["status"]) == (job_id, "CANCELLED")
        again = await caller.post(f"/api/jobs/{job_id}/cancel")
        assert (again.status_code, again.json()) == (400, {"error": "Cannot cancel job with status: CANCELLED"})
    jobs = await until_all_ended(caller, batch_id)
    await assert_consistent(stack.urls)  # the enhancer has had its say, too late
    jobs = await jobs_of(caller, batch_id)
    assert [job["status"] for job in jobs] == ["CANCELLED", "COMPLETED", "COMPLETED"]
    assert jobs[0]["enhancedUrl"] is None
    refunds = lines_of(await statement_of(caller), "REFUND")
    assert [(line["amount"], line["sourceId"]) for line in refunds] == [(2, job_id)]
    assert await balance_of(caller) == 2


async def test_1_19_a_new_users_balance_is_nothing_of_everything(callers: Callers) -> None:
    body = await said(await (await callers.new()).get("/api/tokens/balance"))
    assert body["balance"] == 0
    assert body["stats"] == {"totalSpent": 0, "totalEarned": 0, "totalRefunded": 0, "transactionCount": 0}
    assert body["tokensAddedThisRequest"] == 0
    assert 0 < body["timeUntilNextRegenMs"] <= REGENERATION_MS
    assert body["lastRegeneration"].endswith("Z")
    regenerated_at = datetime.fromisoformat(body["lastRegeneration"])
    assert abs((datetime.now(UTC) - regenerated_at).total_seconds()) < CLOCKS_DIFFER_SECONDS_MAX


async def test_1_20_one_image_of_a_batch_is_under_way_at_a_time(callers: Callers) -> None:
    caller = await callers.new(tokens=12)
    album = await album_of(caller, [picture(600, 400) for _ in range(6)])
    batch_id = batch_of(await enhance(caller, album))
    looks: list[list[str]] = []

    async def over() -> None:
        looks.append([job["status"] for job in await jobs_of(caller, batch_id)])
        assert looks[-1] == ["COMPLETED"] * 6

    await eventually(over, 30)
    under_way = [[place for place, state in enumerate(look) if state == "PROCESSING"] for look in looks]
    assert max(map(len, under_way)) == 1
    turns = [places[0] for places in under_way if places]
    assert turns == sorted(turns)
    assert len(set(turns)) > 1, "too few looks to tell"
