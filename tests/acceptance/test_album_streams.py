"""News of the albums door's jobs, as they happen."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from deploy.local.stack import Stack
from tests.album_orders import jobs_of, order, until_begun, until_over
from tests.album_uploads import Json, refusal
from tests.callers import new_caller
from tests.eventually import eventually
from tests.stacks import frozen

OPEN_AT_ONCE = 5
PROCESSING_SECONDS, PENDING_SECONDS = 3, 5
PATIENCE_SECONDS = 2
REFUSED_SECONDS_MAX = 5
CONNECTED = {"type": "connected", "message": "Connected to job status stream"}


@pytest.fixture
async def caller(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """An account with a hundred tokens."""
    async with await new_caller(stack, tokens=100) as opened:
        yield opened


async def messages_of(answer: httpx.Response) -> AsyncIterator[Json]:
    """What a stream says."""
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_a_stream_tells_of_every_change_and_ends_with_the_job(caller: httpx.AsyncClient) -> None:
    ordered = await order(caller, 2)
    last = (await jobs_of(caller, ordered.batch_id))[1]
    async with caller.stream("GET", f"/api/jobs/{last['id']}/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        said = [message async for message in messages_of(answer)]
    done = (await until_over(caller, ordered.batch_id))[1]
    assert said[0] == CONNECTED
    states = [message["status"] for message in said[1:]]
    assert states == sorted(states, key=["PENDING", "PROCESSING", "COMPLETED"].index)
    assert said[-1] == {
        "type": "status",
        "status": "COMPLETED",
        "currentStage": None,
        **{name: done[name] for name in ("enhancedUrl", "enhancedWidth", "enhancedHeight", "errorMessage")},
    }


async def test_a_batch_has_a_stream_too(caller: httpx.AsyncClient) -> None:
    ordered = await order(caller, 2)
    async with caller.stream("GET", f"/api/jobs/{ordered.batch_id}/stream") as answer:
        said = [message async for message in messages_of(answer)]
    assert (said[0], said[-1]["status"], said[-1]["enhancedUrl"]) == (CONNECTED, "COMPLETED", None)
    assert {job["status"] for job in await jobs_of(caller, ordered.batch_id)} == {"COMPLETED"}


@pytest.mark.parametrize(
    ("place", "status", "seconds"), [(0, "PROCESSING", PROCESSING_SECONDS), (1, "PENDING", PENDING_SECONDS)]
)
async def test_a_stream_speaks_even_if_nothing_changes(
    stack: Stack, caller: httpx.AsyncClient, place: int, status: str, seconds: int
) -> None:
    with frozen(stack, "enhancer"):
        ordered = await order(caller, 2)
        job = (await until_begun(caller, ordered.batch_id))[place]
        async with caller.stream("GET", f"/api/jobs/{job['id']}/stream") as answer:
            messages = messages_of(answer)
            assert await anext(messages) == CONNECTED
            first, began = await anext(messages), time.monotonic()
            assert first["status"] == status
            assert await anext(messages) == first
            assert seconds - 1 < time.monotonic() - began < seconds + PATIENCE_SECONDS


async def test_a_sixth_stream_is_refused_until_one_is_closed(stack: Stack, caller: httpx.AsyncClient) -> None:
    with frozen(stack, "enhancer"):
        ordered = await order(caller, 1)
        path = f"/api/jobs/{ordered.batch_id}/stream"
        async with AsyncExitStack() as opened:
            async with AsyncExitStack() as closed_first:
                listened_to = []  # a generator that is dropped closes its connection
                for place in range(OPEN_AT_ONCE):
                    keeps = opened if place else closed_first
                    listened_to.append(messages_of(await keeps.enter_async_context(caller.stream("GET", path))))
                    assert await anext(listened_to[-1]) == CONNECTED
                refused = await asyncio.wait_for(caller.get(path), REFUSED_SECONDS_MAX)
                assert refusal(refused) == (429, "Too many open streams")
                assert refused.json()["message"]
                assert int(refused.headers["retry-after"]) > 0

            async def is_free() -> None:
                async with caller.stream("GET", path) as answer:
                    assert answer.status_code == 200

            await eventually(is_free, 10)
    await until_over(caller, ordered.batch_id)
