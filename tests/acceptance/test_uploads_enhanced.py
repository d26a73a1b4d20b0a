"""Pictures that come in to be enhanced at once: they are kept and paid for, or neither."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from deploy.local.stack import Stack
from tests.acceptance.conftest import GatewayRows
from tests.album_uploads import Json, body_of, image_ids_of, make_album, picture, post_image
from tests.callers import Caller, new_caller
from tests.invariants import assert_consistent
from tests.stacks import frozen


@pytest.fixture
async def alice(stack: Stack) -> AsyncIterator[Caller]:
    """An account with tokens for five images of the smallest tier."""
    async with await new_caller(stack, tokens=10) as client:
        yield client


@pytest.fixture
async def pauper(stack: Stack) -> AsyncIterator[Caller]:
    """An account without tokens."""
    async with await new_caller(stack) as client:
        yield client


async def spent_by(client: Caller) -> list[Json]:
    """What the account was charged, the newest first."""
    query = {"type": "SPEND_ENHANCEMENT"}
    return list(body_of(await client.get("/api/tokens/transactions", params=query))["transactions"])


async def count_uploads(gateway_rows: GatewayRows, account_id: str) -> int:
    """How many uploads are kept of an account."""
    (row,) = await gateway_rows("SELECT count(*) AS number FROM uploads WHERE account_id = $1", account_id)
    return int(row["number"])


async def test_a_picture_is_kept_and_its_enhancement_begins(alice: Caller, stack: Stack) -> None:
    content = picture()
    body = body_of(await post_image(alice, content, enhance="true"))
    assert (await alice.get(body["image"]["url"])).content == content
    enhancement = body["enhancement"]
    assert set(enhancement) == {"jobId", "tier", "tokenCost", "newBalance"}
    assert (enhancement["tier"], enhancement["tokenCost"], enhancement["newBalance"]) == ("TIER_1K", 2, 8)
    (job,) = body_of(await alice.get(f"/api/images/{body['image']['id']}"))["image"]["jobs"]
    assert (job["id"], job["tier"], job["tokensCost"]) == (enhancement["jobId"], "TIER_1K", 2)
    await assert_consistent(stack.urls)
    (spent,) = await spent_by(alice)
    assert (spent["amount"], spent["source"]) == (-2, "image_upload_enhancement")


async def test_the_tier_is_the_albums(alice: Caller) -> None:
    album_id = await make_album(alice, defaultTier="TIER_2K")
    body = body_of(await post_image(alice, picture(), enhance="true", albumId=album_id))
    assert (body["enhancement"]["tier"], body["enhancement"]["tokenCost"]) == ("TIER_2K", 5)
    assert await image_ids_of(alice, album_id) == [body["image"]["id"]]


@pytest.mark.parametrize("value", ["", "false", "False"])
async def test_nothing_is_charged_unless_it_is_asked_for(alice: Caller, value: str) -> None:
    assert body_of(await post_image(alice, picture(), enhance=value))["enhancement"] is None
    assert await spent_by(alice) == []


async def test_what_cannot_be_paid_is_not_kept(pauper: Caller, stack: Stack, gateway_rows: GatewayRows) -> None:
    album_id = await make_album(pauper, defaultTier="TIER_4K")
    answer = await post_image(pauper, picture(), enhance="true", albumId=album_id)
    assert answer.status_code == 402
    assert answer.json() == {
        "error": "Insufficient tokens",
        "title": "Not enough tokens",
        "suggestion": "You need 10 tokens to upload and enhance this image. You have 0 tokens.",
        "required": 10,
        "balance": 0,
    }
    assert await count_uploads(gateway_rows, pauper.account_id) == 0
    assert await image_ids_of(pauper, album_id) == []
    assert await spent_by(pauper) == []
    await assert_consistent(stack.urls)


async def test_a_picture_that_is_there_already_stays_when_another_cannot_be_paid(
    pauper: Caller, gateway_rows: GatewayRows
) -> None:
    content = picture()
    image = body_of(await post_image(pauper, content))["image"]
    assert (await post_image(pauper, content, enhance="true")).status_code == 402
    refused = await pauper.post("/api/images/enhance", json={"imageId": image["id"], "tier": "TIER_1K"})
    assert refused.status_code == 402
    assert (await pauper.get(image["url"])).content == content
    assert await count_uploads(gateway_rows, pauper.account_id) == 1


async def test_while_the_ledger_is_silent_nothing_is_kept_or_charged(
    alice: Caller, stack: Stack, gateway_rows: GatewayRows
) -> None:
    headers, content = {"Idempotency-Key": uuid4().hex}, picture()
    with frozen(stack, "ledger"):
        answer = await post_image(alice, content, enhance="true", headers=headers)
        assert (answer.status_code, set(answer.json())) == (503, {"error"})
        assert int(answer.headers["retry-after"]) > 0
        assert await count_uploads(gateway_rows, alice.account_id) == 0
    await assert_consistent(stack.urls)
    again = body_of(await post_image(alice, content, enhance="true", headers=headers))
    assert again["enhancement"]["newBalance"] == 8
    assert await count_uploads(gateway_rows, alice.account_id) == 1


async def test_an_idempotency_key_uploads_and_charges_once(alice: Caller, gateway_rows: GatewayRows) -> None:
    content, headers = picture(), {"Idempotency-Key": uuid4().hex}
    album_id = await make_album(alice)
    first = body_of(await post_image(alice, content, enhance="true", albumId=album_id, headers=headers))
    await alice.patch(f"/api/albums/{album_id}", json={"defaultTier": "TIER_4K"})
    second = body_of(await post_image(alice, content, enhance="true", albumId=album_id, headers=headers))
    assert second == first
    assert (await post_image(alice, content, albumId=album_id, headers=headers)).status_code == 422
    assert await count_uploads(gateway_rows, alice.account_id) == 1
    assert [line["amount"] for line in await spent_by(alice)] == [-2]
