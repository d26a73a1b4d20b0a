"""The albums door's acceptance cases, each by its number: who may, what is queued and paid.

1-14, kill and restart, is in tests/chaos; those from 1-15 on are in test_album_later_cases.py.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest_asyncio

from deploy.local.stack import Stack
from tests.album_builders import (
    Album,
    Json,
    album_of,
    balance_of,
    batch_of,
    broken_picture,
    enhance,
    lines_of,
    make_album,
    picture,
    post_enhance,
    said,
    statement_of,
    until_all_ended,
    until_balance,
    upload_images,
)
from tests.album_callers import Callers
from tests.invariants import assert_consistent

CLOCKS_DIFFER_SECONDS_MAX = 60
RATE_SECONDS = 60
REGENERATION_MS = 15 * 60 * 1000


async def test_1_01_enhancing_without_a_key_is_unauthorized(callers: Callers) -> None:
    album = Album(str(uuid4()), ())
    for headers in ({}, {"X-API-Key": "dk_0123456789ab_0123456789abcdef012345"}, {"Authorization": "Bearer nonsense"}):
        stranger = await callers.without_key()
        stranger.headers.update(headers)
        answer = await post_enhance(stranger, album)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


async def test_1_02_another_users_album_is_forbidden_and_nobody_pays(callers: Callers) -> None:
    owner, other = await callers.new(tokens=10), await callers.new(tokens=10)
    album = await album_of(owner, [picture()])
    answer = await post_enhance(other, album)
    assert (answer.status_code, answer.json()) == (403, {"error": "Forbidden"})
    for client in (owner, other):
        assert await balance_of(client) == 10
        assert lines_of(await statement_of(client), "SPEND_ENHANCEMENT") == []
    assert (await said(await owner.get(f"/api/images/{album.image_ids[0]}")))["image"]["jobs"] == []


async def test_1_03_an_unknown_album_is_not_found_but_a_wrong_tier_is_said_first(callers: Callers) -> None:
    caller = await callers.new()
    for unknown in (str(uuid4()), "nothing"):
        album = Album(unknown, ())
        answer = await post_enhance(caller, album)
        assert (answer.status_code, answer.json()) == (404, {"error": "Album not found"})
        answer = await post_enhance(caller, album, "TIER_8K")
        assert (answer.status_code, answer.json()) == (400, {"error": "Invalid tier"})


async def test_1_04_an_empty_album_has_no_images(callers: Callers) -> None:
    caller = await callers.new(tokens=10)
    answer = await post_enhance(caller, await make_album(caller))
    assert (answer.status_code, answer.json()) == (404, {"error": "No images found in album"})


async def test_1_05_a_missing_or_unknown_tier_is_invalid(callers: Callers) -> None:
    caller = await callers.new(tokens=10)
    album = await album_of(caller, [picture()])
    bodies: list[Json] = [{}, {"tier": "TIER_8K"}, {"tier": None}, {"tier": 1}, {"tier": ["TIER_1K"]}]
    for body in bodies:
        answer = await caller.post(f"/api/albums/{album.album_id}/enhance", json=body)
        assert (answer.status_code, answer.json()) == (400, {"error": "Invalid tier"}), body
    assert await balance_of(caller) == 10


@dataclass(frozen=True)
class Ten:
    """Ten images and 100 tokens, enhanced again and again: the answers of cases 1-06 to 1-09, and what came of them."""

    album: Album
    asked_at: float
    accepted: Json
    ended: list[Json]
    again: Json
    cheaper: Json
    too_dear: httpx.Response
    balance: int
    statement: list[Json]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ten(callers: Callers) -> Ten:
    """One after the other, each when the images of the one before have ended."""
    caller = await callers.new(tokens=100)
    uploaded = await upload_images(caller, [picture() for _ in range(10)])
    album = await make_album(caller, uploaded[::-1])  # not in the order of their making
    asked_at = time.time()
    accepted = await enhance(caller, album, "TIER_2K")
    ended = await until_all_ended(caller, batch_of(accepted))
    again = await enhance(caller, album, "TIER_2K")
    cheaper = await enhance(caller, album, "TIER_1K")
    await until_all_ended(caller, batch_of(cheaper))
    too_dear = await post_enhance(caller, album, "TIER_2K", skipAlreadyEnhanced=False)
    return Ten(
        album, asked_at, accepted, ended, again, cheaper, too_dear, await balance_of(caller), await statement_of(caller)
    )


def counts_in(body: Json) -> tuple[int, ...]:
    """What a 200 says: total, skipped, queued, cost, balance."""
    assert body["success"] is True
    return tuple(body[name] for name in ("totalImages", "skipped", "queued", "totalCost", "newBalance"))


async def test_1_06_ten_images_are_queued_and_paid_in_the_albums_order(ten: Ten) -> None:
    assert counts_in(ten.accepted) == (10, 0, 10, 50, 50)
    assert [job["imageId"] for job in ten.accepted["jobs"]] == list(ten.album.image_ids)
    assert [set(job) for job in ten.accepted["jobs"]] == [{"imageId", "jobId"}] * 10
    found = re.fullmatch(rf"album-{ten.album.album_id}-(\d+)", batch_of(ten.accepted))
    assert found
    assert abs(int(found[1]) / 1000 - ten.asked_at) < CLOCKS_DIFFER_SECONDS_MAX
    assert [job["image"]["id"] for job in ten.ended] == list(ten.album.image_ids)
    assert {(job["status"], job["tier"], job["tokensCost"]) for job in ten.ended} == {("COMPLETED", "TIER_2K", 5)}


async def test_1_06_the_charge_is_one_line_of_the_statement(ten: Ten) -> None:
    spent = lines_of(ten.statement, "SPEND_ENHANCEMENT")
    first = spent[0]
    assert (first["amount"], first["balanceAfter"], first["source"]) == (-50, 50, "album_batch_enhancement")
    assert first["sourceId"] == batch_of(ten.accepted)
    assert first["metadata"] == {"tier": "TIER_2K", "albumId": ten.album.album_id, "imageCount": 10}
    assert [line["amount"] for line in ten.statement] == [100, -50, -20]


async def test_1_07_the_same_call_after_the_end_has_nothing_to_do(ten: Ten) -> None:
    assert counts_in(ten.again) == (10, 10, 0, 0, 50)
    assert ten.again["jobs"] == []


async def test_1_08_another_tier_is_another_enhancement(ten: Ten) -> None:
    assert counts_in(ten.cheaper) == (10, 0, 10, 20, 30)


async def test_1_09_what_cannot_be_paid_is_declined_and_changes_nothing(ten: Ten) -> None:
    assert ten.too_dear.status_code == 402
    assert ten.too_dear.json() == {"error": "Insufficient tokens", "required": 50, "toEnhance": 10}
    assert ten.balance == 30


async def test_1_10_more_than_twenty_images_to_enhance_are_refused(callers: Callers) -> None:
    caller = await callers.new(tokens=1000)
    answer = await post_enhance(caller, await album_of(caller, [picture() for _ in range(21)]))
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "Maximum 20 images allowed per batch enhancement. This album has 21 images to enhance. "
        "Please enhance in smaller batches.",
        "totalImages": 21,
        "toEnhance": 21,
        "maxBatchSize": 20,
    }
    assert await balance_of(caller) == 1000


async def test_1_11_what_is_enhanced_already_does_not_count_towards_the_twenty(callers: Callers) -> None:
    caller = await callers.new(tokens=100)
    album = await album_of(caller, [picture() for _ in range(25)])
    before = album.image_ids[2:22:4]
    few = await caller.post("/api/images/batch-enhance", json={"imageIds": list(before), "tier": "TIER_1K"})
    await until_all_ended(caller, (await said(few))["batchId"])
    accepted = await enhance(caller, album)
    assert counts_in(accepted) == (25, 5, 20, 40, 50)
    assert [job["imageId"] for job in accepted["jobs"]] == [each for each in album.image_ids if each not in before]
    jobs = await until_all_ended(caller, batch_of(accepted))
    assert [job["status"] for job in jobs] == ["COMPLETED"] * 20
    await until_balance(caller, 50)


async def test_1_12_images_that_fail_are_given_back_once_each(callers: Callers, stack: Stack) -> None:
    caller = await callers.new(tokens=60)
    album = await album_of(caller, [picture(), broken_picture(), picture(), broken_picture(), picture()])
    accepted = await enhance(caller, album, "TIER_4K")
    assert counts_in(accepted) == (5, 0, 5, 50, 10)
    jobs = await until_all_ended(caller, batch_of(accepted))
    await until_balance(caller, 60 - 30)
    await assert_consistent(stack.urls)
    assert [job["status"] == "COMPLETED" for job in jobs] == [True, False, True, False, True]
    failed = [job for job in jobs if job["status"] != "COMPLETED"]
    assert {job["status"] for job in failed} <= {"FAILED", "REFUNDED"}
    assert all(job["errorMessage"] and job["enhancedUrl"] is None for job in failed)
    refunds = lines_of(await statement_of(caller), "REFUND")
    assert [(line["amount"], line["source"]) for line in refunds] == [(10, "enhancement_failed")] * 2
    assert {line["sourceId"] for line in refunds} == {job["id"] for job in failed}
    assert all(line["metadata"]["reason"] for line in refunds)
    assert await balance_of(caller) == 30


async def test_1_13_of_two_identical_calls_at_once_one_is_paid(callers: Callers) -> None:
    caller = await callers.new(tokens=6)
    album = await album_of(caller, [picture() for _ in range(3)])
    answers = await asyncio.gather(post_enhance(caller, album), post_enhance(caller, album))
    assert await balance_of(caller) == 0
    paid = [answer.json() for answer in answers if answer.status_code == 200 and answer.json()["queued"]]
    others = [answer for answer in answers if answer.status_code == 402 or answer.json().get("queued") == 0]
    assert (len(paid), len(others)) == (1, 1), [answer.text for answer in answers]
    await until_all_ended(caller, batch_of(paid[0]))
    await until_balance(caller, 0)
