"""What the ledger decides about enhancements: in time or not, once or again, whoever dies while it is awaited."""

import asyncio
import signal
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.local.stack import Stack
from services.gateway import enhancing
from services.gateway.ports import Ports
from shared.prices import Prices
from tests.album_orders import (
    PRICE,
    amounts_of,
    balance_of,
    jobs_of,
    new_album,
    post_enhance,
    until_balance,
    until_over,
)
from tests.album_uploads import body_of
from tests.callers import grant, new_caller
from tests.eventually import eventually
from tests.gateway_ports import open_ports
from tests.invariants import assert_consistent
from tests.stacks import frozen

AWAY_SECONDS_MAX = 40


@pytest.fixture
async def caller(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """An account with a hundred tokens."""
    async with await new_caller(stack, tokens=100) as opened:
        yield opened


@pytest.fixture
async def free_ports(stack: Stack) -> AsyncIterator[Ports]:
    """The ports of a gateway where nothing has a price."""
    async with open_ports(stack, Prices(prices={"album": 0})) as opened:
        yield opened


async def test_without_a_decision_in_time_nothing_is_charged_and_the_same_request_can_be_tried_again(
    stack: Stack, caller: httpx.AsyncClient
) -> None:
    album_id, _ = await new_album(caller, 2)
    key = str(uuid4())
    with frozen(stack, "ledger"):
        answer = await post_enhance(caller, album_id, key=key)
        assert (answer.status_code, set(answer.json())) == (503, {"error"})
        assert int(answer.headers["retry-after"]) > 0
    await assert_consistent(stack.urls)
    await until_balance(caller, 100)
    assert await amounts_of(caller, "SPEND_ENHANCEMENT") == [-2 * PRICE]
    assert await amounts_of(caller, "REFUND") == [PRICE] * 2
    said = body_of(await post_enhance(caller, album_id, key=key))
    assert (said["queued"], said["newBalance"]) == (2, 100 - 2 * PRICE)
    assert body_of(await post_enhance(caller, album_id, key=key)) == said
    await until_over(caller, said["jobs"][0]["jobId"])
    await assert_consistent(stack.urls)
    assert await balance_of(caller) == 100 - 2 * PRICE


async def test_a_request_whose_gateway_died_is_answered_when_it_is_sent_again(
    stack: Stack, caller: httpx.AsyncClient
) -> None:
    album_id, (image_id, _) = await new_album(caller, 2)
    key = str(uuid4())
    with frozen(stack, "ledger"):
        asked = asyncio.create_task(post_enhance(caller, album_id, key=key))

        async def accepted() -> None:
            assert body_of(await caller.get(f"/api/images/{image_id}"))["image"]["jobs"]

        await eventually(accepted, 4)
        stack.kill("gateway", signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await asked
        assert await asyncio.to_thread(stack.wait_healthy, ("gateway",), AWAY_SECONDS_MAX)
    first, second = await asyncio.gather(*(post_enhance(caller, album_id, key=key) for _ in range(2)))
    assert body_of(first) == body_of(second)
    assert (first.json()["queued"], first.json()["newBalance"]) == (2, 100 - 2 * PRICE)
    jobs = await until_over(caller, first.json()["jobs"][0]["jobId"])
    assert [job["status"] for job in jobs] == ["COMPLETED"] * 2
    await assert_consistent(stack.urls)
    assert await amounts_of(caller, "SPEND_ENHANCEMENT") == [-2 * PRICE]


async def test_one_key_at_once_from_many_places_is_one_enhancement(caller: httpx.AsyncClient) -> None:
    album_id, image_ids = await new_album(caller, 2)
    key = str(uuid4())
    answers = await asyncio.gather(*(post_enhance(caller, album_id, key=key) for _ in range(4)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert body_of(answers[0])["queued"] == 2
    assert (await post_enhance(caller, album_id, "TIER_2K", key=key)).status_code == 422
    for _ in range(2):
        body = {"imageIds": image_ids, "tier": "TIER_4K"}
        said = await caller.post("/api/images/batch-enhance", json=body, headers={"Idempotency-Key": f"{key}-4K"})
        assert body_of(said)["summary"]["totalCost"] == 20
    assert await amounts_of(caller, "SPEND_ENHANCEMENT") == [-2 * PRICE, -20]


async def test_a_request_that_could_not_be_paid_can_be_sent_again_when_it_can(stack: Stack) -> None:
    async with await new_caller(stack) as poor:
        album_id, _ = await new_album(poor, 2)
        key = str(uuid4())
        assert (await post_enhance(poor, album_id, key=key)).status_code == 402
        await grant(stack, poor.account_id, 2 * PRICE)
        assert body_of(await post_enhance(poor, album_id, key=key))["newBalance"] == 0


async def test_what_had_nothing_to_do_is_answered_the_same_again(caller: httpx.AsyncClient) -> None:
    album_id, image_ids = await new_album(caller, 1)
    said = body_of(await post_enhance(caller, album_id))
    key = str(uuid4())
    nothing = body_of(await post_enhance(caller, album_id, key=key))
    assert (nothing["skipped"], nothing["queued"], nothing["newBalance"]) == (1, 0, 100 - PRICE)
    (job,) = await until_over(caller, said["jobs"][0]["jobId"])
    assert (await caller.delete(f"/api/jobs/{job['id']}")).status_code == 200
    assert body_of(await post_enhance(caller, album_id, key=key)) == nothing


async def test_parallel_calls_pay_for_each_image_once(stack: Stack, caller: httpx.AsyncClient) -> None:
    album_id, image_ids = await new_album(caller, 3)
    with frozen(stack, "enhancer"):
        calls = [post_enhance(caller, album_id) for _ in range(4)]
        calls += [
            caller.post("/api/images/batch-enhance", json={"imageIds": image_ids[::-1], "tier": "TIER_1K"})
            for _ in range(3)
        ]
        calls += [caller.post("/api/images/enhance", json={"imageId": each, "tier": "TIER_1K"}) for each in image_ids]
        answers = await asyncio.gather(*calls)
        assert [answer.status_code for answer in answers] == [200] * len(calls)
        assert await balance_of(caller) == 100 - 3 * PRICE
    await assert_consistent(stack.urls)
    for image_id in image_ids:
        jobs = body_of(await caller.get(f"/api/images/{image_id}"))["image"]["jobs"]
        assert [job["status"] for job in jobs] == ["COMPLETED"]


async def test_what_costs_nothing_begins_at_once(stack: Stack, caller: httpx.AsyncClient, free_ports: Ports) -> None:
    _, image_ids = await new_album(caller, 2)
    upload_ids = [UUID(image_id) for image_id in image_ids]
    account_id: str = caller.account_id  # type: ignore[attr-defined]
    with frozen(stack, "ledger"):
        made = await enhancing.enhance_uploads(free_ports, account_id, upload_ids, "TIER_1K")
    assert (made.cost, made.new_balance, made.skipped) == (0, 100, 0)
    assert made.batch_id
    jobs = await until_over(caller, made.batch_id)
    assert [job["id"] for job in jobs] == [unit.image_id for unit in made.units]
    assert jobs == await jobs_of(caller, made.batch_id)
    assert await amounts_of(caller, "SPEND_ENHANCEMENT") == []
