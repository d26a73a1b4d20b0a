"""Cancelling what the albums door has been asked for: for good, once, and given back."""

import asyncio
from collections.abc import AsyncIterator

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
    until_balance,
    until_begun,
    until_over,
)
from tests.album_uploads import body_of, refusal
from tests.callers import new_caller
from tests.eventually import eventually
from tests.invariants import assert_consistent
from tests.stacks import frozen


@pytest.fixture
async def caller(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """An account with a hundred tokens."""
    async with await new_caller(stack, tokens=100) as opened:
        yield opened


def states_of(jobs: list[dict[str, str]]) -> list[str]:
    """Where jobs are."""
    return [job["status"] for job in jobs]


async def test_a_job_that_waits_never_runs(stack: Stack, caller: httpx.AsyncClient) -> None:
    with frozen(stack, "enhancer"):
        ordered = await order(caller, 3)
        waiting = (await until_begun(caller, ordered.batch_id))[1]
        said = body_of(await caller.post(f"/api/jobs/{waiting['id']}/cancel"))
        assert (said["tokensRefunded"], said["newBalance"]) == (PRICE, 100 - 2 * PRICE)
        assert (said["job"]["status"], said["job"]["processingStartedAt"]) == ("CANCELLED", None)
    assert states_of(await until_over(caller, ordered.batch_id)) == ["COMPLETED", "CANCELLED", "COMPLETED"]
    again = refusal(await caller.post(f"/api/jobs/{waiting['id']}/cancel"))
    assert again == (400, "Cannot cancel job with status: CANCELLED")
    await assert_consistent(stack.urls)
    assert await amounts_of(caller, "REFUND") == [PRICE]


async def test_what_has_ended_cannot_be_cancelled(caller: httpx.AsyncClient) -> None:
    ordered = await order(caller, 1)
    (job,) = await until_over(caller, ordered.batch_id)
    for named in (job["id"], ordered.batch_id):
        answer = refusal(await caller.post(f"/api/jobs/{named}/cancel"))
        assert answer == (400, "Cannot cancel job with status: COMPLETED")
    assert await balance_of(caller) == 100 - PRICE


async def test_the_next_image_goes_on_at_once_when_a_running_one_is_cancelled(
    stack: Stack, caller: httpx.AsyncClient
) -> None:
    with frozen(stack, "enhancer"):
        ordered = await order(caller, 2)
        running = (await until_begun(caller, ordered.batch_id))[0]
        said = body_of(await caller.post(f"/api/jobs/{running['id']}/cancel"))
        assert said["job"]["processingStartedAt"] <= said["job"]["processingCompletedAt"]

        async def followed() -> None:
            assert states_of(await jobs_of(caller, ordered.batch_id)) == ["CANCELLED", "PROCESSING"]

        await eventually(followed, 10)
    await until_over(caller, ordered.batch_id)
    await assert_consistent(stack.urls)
    assert states_of(await jobs_of(caller, ordered.batch_id)) == ["CANCELLED", "COMPLETED"]


async def test_a_batch_is_cancelled_as_far_as_it_has_not_ended(stack: Stack, caller: httpx.AsyncClient) -> None:
    with frozen(stack, "enhancer"):
        ordered = await order(caller, 4)
        running = (await until_begun(caller, ordered.batch_id))[0]
        assert (await caller.post(f"/api/jobs/{running['id']}/cancel")).status_code == 200
        answers = await asyncio.gather(*(caller.post(f"/api/jobs/{ordered.batch_id}/cancel") for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
        (said,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert (said["tokensRefunded"], said["newBalance"]) == (3 * PRICE, 100)
        assert states_of(said["job"]["jobs"]) == ["CANCELLED"] * 4
        assert said["job"]["status"] == "CANCELLED"
    await assert_consistent(stack.urls)
    assert await amounts_of(caller, "REFUND") == [PRICE] * 4
    assert body_of(await post_enhance(caller, ordered.album_id))["queued"] == 4


async def test_jobs_cancelled_as_they_begin_and_end_are_counted_right(stack: Stack, caller: httpx.AsyncClient) -> None:
    ordered = await order(caller, 12)
    jobs = await jobs_of(caller, ordered.batch_id)
    answers = []
    for job in jobs[::2]:
        one = [caller.post(f"/api/jobs/{job['id']}/cancel") for _ in range(2)]
        answers.append(await asyncio.gather(*one))
    ended = await until_over(caller, ordered.batch_id)
    await assert_consistent(stack.urls)
    assert ended == await jobs_of(caller, ordered.batch_id)
    for pair, job in zip(answers, ended[::2], strict=True):
        accepted = sum(answer.status_code == 200 for answer in pair)
        assert (accepted, job["status"]) in ((1, "CANCELLED"), (0, "COMPLETED"))
    cancelled = states_of(ended).count("CANCELLED")
    assert cancelled
    assert await balance_of(caller) == 100 - PRICE * (12 - cancelled)


async def test_a_job_whose_tokens_are_not_held_yet_is_cancelled_too(stack: Stack, caller: httpx.AsyncClient) -> None:
    album_id, (image_id, _) = await new_album(caller, 2)
    with frozen(stack, "ledger"):
        asked = asyncio.create_task(post_enhance(caller, album_id))

        async def waits() -> str:
            jobs = body_of(await caller.get(f"/api/images/{image_id}"))["image"]["jobs"]
            assert [job["status"] for job in jobs] == ["PENDING"]
            return str(jobs[0]["id"])

        job_id = await eventually(waits, 4)
        cancelling = asyncio.create_task(caller.post(f"/api/jobs/{job_id}/cancel"))

        async def is_cancelled() -> None:
            assert body_of(await caller.get(f"/api/jobs/{job_id}"))["status"] == "CANCELLED"

        await eventually(is_cancelled, 4)
    said, accepted = body_of(await cancelling), body_of(await asked)
    assert (said["tokensRefunded"], accepted["newBalance"]) == (PRICE, 100 - 2 * PRICE)
    assert states_of(await until_over(caller, accepted["jobs"][0]["jobId"])) == ["CANCELLED", "COMPLETED"]
    await until_balance(caller, 100 - PRICE)
    await assert_consistent(stack.urls)
