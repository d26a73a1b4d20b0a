"""Case 1-14: kill -9 of anything while albums are enhanced. Every image is completed or given back, paid once."""

import asyncio
import signal
from uuid import uuid4

import pytest

from deploy.local.stack import Stack
from tests.album_builders import album_of, batch_of, broken_picture, enhance, jobs_of, picture
from tests.album_callers import Callers
from tests.chaos.album_accounts import (
    assert_books_hold,
    assert_nothing_held,
    assert_one_job_each,
    assert_paid_right,
    until_accepted,
    until_over,
)
from tests.chaos.conftest import EVERYTHING
from tests.eventually import eventually
from tests.invariants import assert_consistent

pytestmark = pytest.mark.timeout(180)

IMAGES = 8
BROKEN = (2, 5)
ENDED_BEFORE = 2
TOKENS = 60
OVER_SECONDS_MAX = 60


@pytest.mark.parametrize("killed", [*((name,) for name in EVERYTHING), EVERYTHING], ids=lambda names: "+".join(names))
async def test_1_14_every_image_is_completed_or_given_back(
    album_stack: Stack, callers: Callers, killed: tuple[str, ...]
) -> None:
    caller, another = await callers.new(TOKENS), await callers.new(TOKENS)
    files = [broken_picture() if place in BROKEN else picture(600, 400) for place in range(IMAGES)]
    under_way, fresh = await album_of(caller, files), await album_of(another, files[:4])
    batch_id = batch_of(await enhance(caller, under_way))

    async def some_ended() -> None:
        states = [job["status"] for job in await jobs_of(caller, batch_id)]
        assert states.count("COMPLETED") >= ENDED_BEFORE
        assert "PENDING" in states, "it is over before anything could be killed"

    await eventually(some_ended, 30)
    calling = asyncio.create_task(until_accepted(another, fresh, key=uuid4().hex))
    await asyncio.sleep(0)
    for name in killed:
        album_stack.kill(name, signal.SIGKILL)
    another_batch = batch_of(await calling)
    for client, album, batch, broken in ((caller, under_way, batch_id, 2), (another, fresh, another_batch, 1)):
        jobs = await until_over(client, [batch], OVER_SECONDS_MAX)
        assert [job["image"]["id"] for job in jobs] == list(album.image_ids)
        assert sum(job["status"] in ("FAILED", "REFUNDED") for job in jobs) == broken
        assert sum(job["status"] == "COMPLETED" for job in jobs) == len(jobs) - broken
    await assert_consistent(album_stack.urls)
    for client, album, batch in ((caller, under_way, batch_id), (another, fresh, another_batch)):
        await assert_one_job_each(client, album, batch)
        await assert_paid_right(client, album.image_ids, [batch])
        await assert_nothing_held(album_stack, client.account_id)
    await assert_books_hold(callers)
