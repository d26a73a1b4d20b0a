"""The albums door's known weaknesses in the original, each turned round. What the numbered cases show is not repeated.

1 (double refund) is case 1-12, 3 (lost on restart) is tests/chaos/test_album_kills.py, 6 (regeneration) is
tests/chaos/test_album_races.py.
"""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.stack import Stack
from tests.album_builders import (
    PRICES,
    album_of,
    balance_of,
    batch_of,
    broken_picture,
    enhance,
    jobs_of,
    lines_of,
    make_album,
    picture,
    post_enhance,
    said,
    statement_of,
    until_all_ended,
    until_balance,
    until_processing,
    upload_images,
)
from tests.album_callers import Callers
from tests.invariants import assert_consistent
from tests.stacks import frozen


async def spent_by(client: httpx.AsyncClient) -> list[int]:
    """The charges on a caller's statement, the oldest first."""
    return [line["amount"] for line in lines_of(await statement_of(client), "SPEND_ENHANCEMENT")]


async def test_2_an_image_that_is_under_way_is_not_charged_again(callers: Callers, stack: Stack) -> None:
    caller = await callers.new(tokens=100)
    album = await album_of(caller, [picture() for _ in range(2)])
    with frozen(stack, "enhancer"):
        await enhance(caller, album)
        for skip in (True, False):
            again = await enhance(caller, album, skipAlreadyEnhanced=skip)
            assert (again["skipped"], again["queued"], again["totalCost"], again["newBalance"]) == (2, 0, 0, 96)
        assert (await enhance(caller, album, "TIER_2K"))["queued"] == 2
    await assert_consistent(stack.urls)
    assert await spent_by(caller) == [-4, -10]
    assert await balance_of(caller) == 86


async def test_2_one_image_through_several_doors_at_once_is_charged_once(callers: Callers, stack: Stack) -> None:
    caller = await callers.new(tokens=100)
    image_ids = await upload_images(caller, [picture()])
    one, other = [await make_album(caller, image_ids) for _ in range(2)]
    single = {"imageId": image_ids[0], "tier": "TIER_1K"}
    several = {"imageIds": image_ids, "tier": "TIER_1K"}
    with frozen(stack, "enhancer"):
        answers = await asyncio.gather(
            post_enhance(caller, one),
            post_enhance(caller, other),
            caller.post("/api/images/enhance", json=single),
            caller.post("/api/images/batch-enhance", json=several),
        )
        assert max(answer.status_code for answer in answers) < 500, [answer.text for answer in answers]
        assert await spent_by(caller) == [-2]
        assert await balance_of(caller) == 98
    await assert_consistent(stack.urls)
    assert len((await said(await caller.get(f"/api/images/{image_ids[0]}")))["image"]["jobs"]) == 1


async def test_4_the_batch_id_of_an_answer_leads_to_its_jobs(callers: Callers) -> None:
    caller = await callers.new(tokens=100)
    album = await album_of(caller, [picture() for _ in range(2)])
    batch_id = batch_of(await enhance(caller, album))
    body = await said(await caller.get(f"/api/jobs/{batch_id}"))
    assert body["id"] == batch_id
    assert [job["image"]["id"] for job in body["jobs"]] == list(album.image_ids)
    for job in body["jobs"]:
        assert (await said(await caller.get(f"/api/jobs/{job['id']}")))["image"]["id"] == job["image"]["id"]


@pytest.mark.parametrize("round_", range(3))
async def test_4_batches_of_the_same_millisecond_have_different_ids(callers: Callers, round_: int) -> None:
    caller = await callers.new(tokens=100)
    album = await album_of(caller, [picture()])
    accepted = await asyncio.gather(*(enhance(caller, album, tier) for tier in PRICES))
    batch_ids = [batch_of(each) for each in accepted]
    assert len(set(batch_ids)) == len(PRICES)
    for batch_id, tier in zip(batch_ids, PRICES, strict=True):
        assert [job["tier"] for job in await jobs_of(caller, batch_id)] == [tier]


@pytest.mark.parametrize("status", ["PROCESSING", "PENDING"])
async def test_5_of_several_cancellations_at_once_one_gives_back(callers: Callers, stack: Stack, status: str) -> None:
    caller = await callers.new(tokens=10)
    album = await album_of(caller, [picture() for _ in range(3)])
    with frozen(stack, "enhancer"):
        batch_id = batch_of(await enhance(caller, album))
        await until_processing(caller, batch_id)
        job_id = next(job["id"] for job in await jobs_of(caller, batch_id) if job["status"] == status)
        answers = await asyncio.gather(*(caller.post(f"/api/jobs/{job_id}/cancel") for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
    await assert_consistent(stack.urls)
    assert (await said(await caller.get(f"/api/jobs/{job_id}")))["status"] == "CANCELLED"
    assert [line["sourceId"] for line in lines_of(await statement_of(caller), "REFUND")] == [job_id]
    assert await balance_of(caller) == 10 - 2 * 2


async def test_7_the_original_is_the_same_file_after_its_enhancement(callers: Callers) -> None:
    caller = await callers.new(tokens=100)
    files = [picture(300, 200), picture(300, 200, orientation=6), picture(5000, 50)]
    album = await album_of(caller, files)
    await until_all_ended(caller, batch_of(await enhance(caller, album)))
    views = (await said(await caller.get(f"/api/albums/{album.album_id}")))["album"]["images"]
    assert [view["enhancementTier"] for view in views] == ["TIER_1K"] * 3
    for view, file in zip(views, files, strict=True):
        original = await caller.get(view["originalUrl"])
        assert original.status_code == 200
        assert original.content == file


async def test_8_a_bad_file_among_good_ones_charges_nothing(callers: Callers) -> None:
    caller = await callers.new(tokens=10)
    good, bad = picture(), b"this is no picture"
    form = [("files", (f"{place}.jpg", file, "image/jpeg")) for place, file in enumerate([good, bad, good])]
    results = (await said(await caller.post("/api/images/batch-upload", files=form)))["results"]
    assert [result["success"] for result in results] == [True, False, True]
    assert results[1]["error"]
    assert results[1]["errorType"]
    refused = await caller.post("/api/images/upload", files={"file": ("a.jpg", bad)}, data={"enhance": "true"})
    assert (refused.status_code, "error" in refused.json()) == (400, True)
    assert await balance_of(caller) == 10
    assert await spent_by(caller) == []


@pytest.mark.parametrize("value", ["false", "true", 0, 1, [], {}])
async def test_10_what_is_no_boolean_is_refused_as_a_choice(callers: Callers, value: Any) -> None:
    caller = await callers.new(tokens=10)
    album = await album_of(caller, [picture()])
    answer = await post_enhance(caller, album, skipAlreadyEnhanced=value)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})
    assert await balance_of(caller) == 10


async def test_11_an_image_that_failed_can_be_enhanced_again_and_costs_only_when_it_succeeds(callers: Callers) -> None:
    caller = await callers.new(tokens=10)
    album = await album_of(caller, [broken_picture(), picture()])
    await until_all_ended(caller, batch_of(await enhance(caller, album)))
    await until_balance(caller, 8)
    for _ in range(2):
        again = await enhance(caller, album)
        assert (again["skipped"], again["queued"], again["totalCost"]) == (1, 1, 2)
        (failed,) = await until_all_ended(caller, batch_of(again))
        assert failed["status"] in ("FAILED", "REFUNDED")
        await until_balance(caller, 8)
    refunds = lines_of(await statement_of(caller), "REFUND")
    assert len({line["sourceId"] for line in refunds}) == len(refunds) == 3


async def test_asking_what_it_would_cost_costs_nothing(callers: Callers) -> None:
    caller = await callers.new(tokens=3)
    album = await album_of(caller, [picture() for _ in range(2)])
    path = f"/api/albums/{album.album_id}/enhance"
    body = await said(await caller.post(path, params={"dry_run": "true"}, json={"tier": "TIER_1K"}))
    assert (body["queued"], body["totalCost"], body["newBalance"], body["jobs"]) == (2, 4, 3, [])
    assert await spent_by(caller) == []
    assert (await said(await caller.get(f"/api/images/{album.image_ids[0]}")))["image"]["jobs"] == []


async def test_the_same_idempotency_key_is_the_same_enhancement(callers: Callers) -> None:
    caller = await callers.new(tokens=10)
    album, key = await album_of(caller, [picture() for _ in range(2)]), str(uuid4())
    first, second = [await enhance(caller, album, key=key) for _ in range(2)]
    assert second == first
    assert (await post_enhance(caller, album, "TIER_2K", key=key)).status_code == 422
    assert await spent_by(caller) == [-4]
