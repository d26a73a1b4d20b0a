"""Words about a job, in any order, and what waits for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import permutations

import pytest
import pytest_asyncio

from shared import outbox
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import enclose, new_id, new_traceparent
from shared.errors import NotYet, Permanent
from shared.events import ImageEvent, ImageRequested
from shared.gate import ALL_RUNS, Control, Gate, record_controls
from shared.outbox import Letter
from tests.contract.sample_files import SAMPLES_BY_TYPE
from tests.eventually import eventually
from tests.private_postgres import postgres

STEERED = (("paused", 1), ("running", 2), ("paused", 3))
ENDED = (("paused", 1), ("running", 2), ("cancelled", 3))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database() -> AsyncIterator[Database]:
    """The tables that every worker with a gate has."""
    with postgres("fsync=off") as url:
        opened = await Database.open(url, "worker")
        await migrate(opened, MIGRATIONS / "messaging", MIGRATIONS / "gate")
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def gate(database: Database) -> AsyncIterator[Gate]:
    """A gate that keeps itself fresh."""
    opened = Gate()
    refreshing = asyncio.create_task(opened.keep_fresh(database))
    yield opened
    refreshing.cancel()
    with suppress(asyncio.CancelledError):
        await refreshing


def image_of_a_new_job() -> ImageRequested:
    event = SAMPLES_BY_TYPE["image.requested.v1"][0].event
    assert isinstance(event, ImageRequested)
    return event.model_copy(update={"job_id": new_id()})


async def say(database: Database, event: ImageEvent, *words: tuple[str, int] | tuple[str, int, int]) -> None:
    """Record words about the image's job in one transaction."""
    async with database.transaction() as connection:
        await record_controls(connection, [control_of(event, *word) for word in words])


def control_of(event: ImageEvent, state: str, version: int, run: int = ALL_RUNS) -> Control:
    """A word about the image's job; a cancellation is of `run` and earlier ones."""
    return Control(event.job_id, state, version, run if state == "cancelled" else 0)


async def state_of(database: Database, event: ImageEvent) -> str:
    async with database.connection() as connection:
        return str(await connection.fetchval("SELECT state FROM job_controls WHERE job_id = $1", event.job_id))


@pytest.mark.parametrize("words", [STEERED, ENDED], ids=["steered", "ended"])
async def test_the_newest_word_stands_whatever_the_order(
    database: Database, words: tuple[tuple[str, int], ...]
) -> None:
    for order in permutations(words):
        together, apart = image_of_a_new_job(), image_of_a_new_job()
        await say(database, together, *order, *order)
        for word in (*order, order[0]):
            await say(database, apart, word)
        assert await state_of(database, together) == await state_of(database, apart) == words[-1][0]


async def test_nothing_brings_the_images_of_a_cancelled_job_back(database: Database, gate: Gate) -> None:
    event = image_of_a_new_job()
    await say(database, event, ("cancelled", 3))
    await say(database, event, ("running", 4))
    await until_it_meets(gate, event, "cancelled")
    assert await state_of(database, event) == "running"  # the job may go on with a later run
    assert meets(gate, event) == "cancelled"


async def test_images_of_a_later_run_than_the_cancelled_one_pass(database: Database, gate: Gate) -> None:
    event = image_of_a_new_job()
    later = event.model_copy(update={"run": 2})
    await say(database, event, ("cancelled", 1, 1))
    await until_it_meets(gate, event, "cancelled")
    assert meets(gate, later) == "passes"
    await say(database, event, ("paused", 2))
    await until_it_meets(gate, later, "waits")
    assert meets(gate, event) == "cancelled"


@pytest.mark.parametrize("order", list(permutations((("cancelled", 1, 1), ("paused", 2), ("cancelled", 3, 2)))))
async def test_cancellations_of_runs_hold_whatever_the_order(
    database: Database, gate: Gate, order: tuple[tuple[str, int], ...]
) -> None:
    event = image_of_a_new_job().model_copy(update={"run": 2})
    for word in order:
        await say(database, event, word)
    await until_it_meets(gate, event, "cancelled")
    assert meets(gate, event.model_copy(update={"run": 3})) == "passes"


async def test_an_image_waits_while_its_job_is_paused_and_passes_after(database: Database, gate: Gate) -> None:
    event, other = image_of_a_new_job(), image_of_a_new_job()
    await say(database, event, ("paused", 1))
    await until_it_meets(gate, event, "waits")
    with pytest.raises(NotYet) as raised:
        gate.admit(event)
    assert raised.value.waiting_for == str(event.job_id)
    assert meets(gate, other) == "passes"
    await say(database, event, ("running", 2))
    await until_it_meets(gate, event, "passes")


async def test_nothing_is_spent_on_an_image_of_a_cancelled_job(database: Database, gate: Gate) -> None:
    event = image_of_a_new_job()
    await say(database, event, ("cancelled", 1))
    await until_it_meets(gate, event, "cancelled")
    assert meets(gate, image_of_a_new_job()) == "passes"


def meets(gate: Gate, event: ImageEvent) -> str:
    """What becomes of an image at the gate."""
    try:
        gate.admit(event)
    except NotYet:
        return "waits"
    except Permanent as error:
        return error.problem
    return "passes"


async def until_it_meets(gate: Gate, event: ImageEvent, expected: str) -> None:
    """Wait until the gate has heard."""

    def heard() -> None:
        assert meets(gate, event) == expected

    await eventually(heard)


@pytest.mark.parametrize(("state", "released"), [("paused", False), ("running", True), ("cancelled", True)])
async def test_what_waits_for_a_job_is_let_go_when_its_wait_is_over(
    database: Database, state: str, released: bool
) -> None:
    event, other = image_of_a_new_job(), image_of_a_new_job()
    async with database.transaction() as connection:
        letters = [
            Letter(
                enclose(each, source="fetcher", traceparent=new_traceparent()),
                queue="fetcher.image.requested.v1",
                waiting_for=str(each.job_id),
                delay_seconds=60,
            )
            for each in (event, other)
        ]
        assert await outbox.add(connection, letters) == []
    await say(database, event, (state, 1))
    async with database.transaction() as connection:
        due = {posted.letter.enclosed.subject for posted in await outbox.lease_due(connection, 100)}
    assert due == ({str(event.job_id)} if released else set())
