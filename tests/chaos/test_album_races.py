"""Calls that race for the same tokens (case 1-13, many times over), and looks that race for the same regeneration."""

import asyncio
from datetime import datetime

import httpx
import pytest

from deploy.local.stack import Stack
from tests.album_builders import (
    album_of,
    balance_of,
    batch_of,
    picture,
    post_enhance,
    said,
    statement_of,
)
from tests.album_callers import Callers
from tests.chaos.album_accounts import assert_adds_up, assert_books_hold, assert_paid_right, until_over
from tests.chaos.conftest import REGENERATION_SECONDS
from tests.eventually import eventually
from tests.invariants import assert_consistent

pytestmark = pytest.mark.timeout(180)

ROUNDS = 25
AT_ONCE = 5
CALLS = 4
IMAGES = 3
COST = 2 * IMAGES
LOOKERS = 20
REGENERATED = 2


async def race(callers: Callers) -> None:
    """Identical calls at once, by an account that can pay for one: one is paid, and the balance is never below 0."""
    caller = await callers.new(COST)
    album = await album_of(caller, [picture() for _ in range(IMAGES)])
    calls = [asyncio.create_task(post_enhance(caller, album)) for _ in range(CALLS)]
    looks = []
    while not all(call.done() for call in calls):
        looks.append(await balance_of(caller))
    answers = [await call for call in calls]
    assert min(looks, default=0) >= 0
    shown = [answer.text for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 402}, shown
    paid = [answer.json() for answer in answers if answer.status_code == 200 and answer.json()["queued"]]
    assert len(paid) == 1, shown
    jobs = await until_over(caller, [batch_of(paid[0])], 30)
    assert [job["status"] for job in jobs] == ["COMPLETED"] * IMAGES


async def test_1_13_of_identical_calls_at_once_one_is_paid_every_time(album_stack: Stack, callers: Callers) -> None:
    for _ in range(ROUNDS // AT_ONCE):
        await asyncio.gather(*(race(callers) for _ in range(AT_ONCE)))
    await assert_consistent(album_stack.urls)
    await assert_books_hold(callers)


async def test_1_13_different_albums_race_for_the_same_tokens(album_stack: Stack, callers: Callers) -> None:
    caller = await callers.new(2 * COST)
    albums = [await album_of(caller, [picture() for _ in range(IMAGES)]) for _ in range(CALLS)]
    answers = await asyncio.gather(*(post_enhance(caller, album) for album in albums))
    batches = [batch_of(answer.json()) for answer in answers if answer.status_code == 200]
    declined = [answer.json() for answer in answers if answer.status_code == 402]
    assert (len(batches), len(declined)) == (2, 2), [answer.text for answer in answers]
    assert {(body["required"], body["toEnhance"]) for body in declined} == {(COST, IMAGES)}
    await until_over(caller, batches, 30)
    await assert_consistent(album_stack.urls)
    await assert_paid_right(caller, [image_id for album in albums for image_id in album.image_ids], batches)


async def test_6_regeneration_is_credited_once_however_many_look(callers: Callers) -> None:
    caller = await callers.new()
    first, first_at = await until_regenerated(caller, 1)
    last, last_at = await until_regenerated(caller, first + REGENERATED)
    assert last - first == (last_at - first_at).total_seconds() / REGENERATION_SECONDS
    statement = await statement_of(caller)
    assert_adds_up(statement)
    assert {line["type"] for line in statement} == {"EARN_REGENERATION"}


async def until_regenerated(client: httpx.AsyncClient, tokens: int) -> tuple[int, datetime]:
    """Look from many places at once until so many tokens have come by; how many, and up to when that is."""

    async def enough() -> tuple[int, datetime]:
        looks = await asyncio.gather(*(client.get("/api/tokens/balance") for _ in range(LOOKERS)))
        assert max(look.json()["balance"] for look in looks) >= tokens
        body = await said(await client.get("/api/tokens/balance"))
        return int(body["balance"]), datetime.fromisoformat(body["lastRegeneration"])

    return await eventually(enough, 3 * REGENERATION_SECONDS * tokens)
