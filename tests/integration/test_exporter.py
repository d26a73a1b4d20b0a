"""The exporter's tables, in a real Postgres."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from services.exporter.ports import WAIT_SECONDS_MAX, Patience
from shared.db import Database
from shared.errors import NotYet
from shared.events import Event
from shared.facts import Webhook
from tests.exporter_database import open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear

WEBHOOK = Webhook(url="https://shop.example/hook", secrets_sealed=("sealed",))


async def states(database: Database, job: Job) -> list[tuple[int, int, str, str | None]]:
    """seq, run, state and problem of a job's rows."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT seq, run, state, problem FROM results WHERE job_id = $1 ORDER BY seq", job.job_id
        )
    return [tuple(row) for row in rows]


async def deliveries(database: Database, job: Job) -> list[dict[str, Any]]:
    """A job's deliveries, the newest last."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM deliveries WHERE job_id = $1 ORDER BY created_at", job.job_id)
    return [dict(row) for row in rows]


@pytest.mark.parametrize("seed", range(6))
async def test_results_do_not_depend_on_order_or_repetition(database, ports, seed) -> None:
    job = Job(images_total=4)
    events: list[Event] = [
        job.enhanced(0),
        job.failed(1),
        job.failed(2),
        job.cancelled(3),
        job.enhanced(1, run=2),
        job.failed(2, run=2, problem="too_large"),
    ] * 2
    order = random.Random(seed)
    order.shuffle(events)
    while events:
        together = order.randint(1, 4)
        await hear(database, ports, *events[:together])
        del events[:together]
    assert await states(database, job) == [
        (0, 1, "succeeded", None),
        (1, 2, "succeeded", None),
        (2, 2, "failed", "too_large"),
        (3, 1, "cancelled", "cancelled"),
    ]


async def test_within_a_run_the_first_outcome_stands_and_that_of_a_later_run_always(database, ports) -> None:
    job = Job(images_total=3)
    for events in (
        [job.failed(0), job.enhanced(0)],
        [job.enhanced(0)],
        [job.enhanced(1)],
        [job.failed(1, run=2)],
        [job.failed(2, run=2)],
        [job.enhanced(2)],
    ):
        await hear(database, ports, *events)
    assert await states(database, job) == [
        (0, 1, "failed", "http_404"),
        (1, 2, "failed", "http_404"),
        (2, 2, "failed", "http_404"),
    ]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("first", ["cancelled", "another"])
@pytest.mark.parametrize("ended", ["enhanced", "failed"])
async def test_a_cancellation_stands_whatever_else_is_heard_of_the_run(database, ports, ended, first, together) -> None:
    job = Job(images_total=1)
    events = [getattr(job, ended)(0), job.cancelled(0)]
    if first == "cancelled":
        events.reverse()
    for group in [events] if together else [[event] for event in events]:
        await hear(database, ports, *group)
    assert await states(database, job) == [(0, 1, "cancelled", "cancelled")]


async def test_a_cancellation_leaves_the_success_of_a_later_run_but_not_of_an_earlier_one(database, ports) -> None:
    job = Job(images_total=1)
    for event in (job.failed(0), job.enhanced(0, run=2), job.cancelled(0)):
        await hear(database, ports, event)
    assert await states(database, job) == [(0, 2, "succeeded", None)]
    await hear(database, ports, job.cancelled(0, run=3))
    assert await states(database, job) == [(0, 3, "cancelled", "cancelled")]


async def test_the_newest_run_and_the_newest_secrets_win(database, ports) -> None:
    job = Job(webhook=Webhook(url="https://new.example/", secrets_sealed=("new", "old"), secrets_version=2))
    earlier = Job(job_id=job.job_id, account_id=job.account_id, webhook=WEBHOOK)
    newest, oldest = job.submitted(run=2), earlier.submitted()
    for events in ((oldest,), (newest, oldest), (newest,), (oldest,)):
        await hear(database, ports, *events)
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT run, webhook_url, endpoints.secrets_sealed FROM jobs JOIN endpoints USING (account_id) "
            "WHERE job_id = $1",
            job.job_id,
        )
    assert tuple(row) == (2, "https://new.example/", "new old")


async def test_a_completion_waits_for_its_submission_and_its_results_and_is_called_back_once(database, ports) -> None:
    job = Job(images_total=3, item_size=3, webhook=WEBHOOK)
    completed = job.completed(succeeded=2, failed=1)
    for events in ((), (job.submitted(),), (job.enhanced(2), job.failed(0))):
        await hear(database, ports, *events)
        with pytest.raises(NotYet):
            await hear(database, ports, completed)
    await hear(database, ports, job.enhanced(1))
    for _ in range(3):
        await hear(database, ports, completed, completed)
    (delivery,) = await deliveries(database, job)
    assert (delivery["url"], delivery["state"], delivery["attempts"]) == (WEBHOOK.url, "pending", 0)
    assert json.loads(delivery["body"]) == {
        "request_id": str(job.job_id),
        "status": "completed",
        "total_products": 1,
        "processed_products": 1,
        "completion_percentage": 100.0,
        "timestamp": completed.completed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


async def test_each_run_calls_back_once_also_when_its_completion_comes_late(database, ports) -> None:
    job = Job(images_total=2, webhook=WEBHOOK)
    await hear(database, ports, job.submitted(run=2), job.enhanced(0), job.failed(1))
    second = job.completed(succeeded=2, run=2)
    with pytest.raises(NotYet):
        await hear(database, ports, second)
    await hear(database, ports, job.enhanced(1, run=2))
    await hear(database, ports, second)
    await hear(database, ports, job.completed(succeeded=1, failed=1))
    found = await deliveries(database, job)
    assert [delivery["run"] for delivery in found] == [2, 1]
    assert len({delivery["message_id"] for delivery in found}) == 2


async def test_counts_that_never_agree_do_not_hold_a_webhook_back_for_ever(database, ports) -> None:
    job = Job(webhook=WEBHOOK)
    await hear(database, ports, job.submitted(), job.failed())
    completed = job.completed(succeeded=1)
    with pytest.raises(NotYet):
        await hear(database, ports, completed)
    long_ago = completed.completed_at - timedelta(minutes=2)
    await hear(database, ports, completed.model_copy(update={"completed_at": long_ago}))
    assert len(await deliveries(database, job)) == 1


async def test_without_a_webhook_nobody_is_called(database, ports) -> None:
    job = Job()
    await hear(database, ports, job.submitted(), job.enhanced())
    await hear(database, ports, job.completed(succeeded=1), job.resend())
    assert await deliveries(database, job) == []


async def test_a_cancelled_job_and_other_kinds_say_so(database, ports) -> None:
    jobs = [Job(webhook=WEBHOOK), Job(webhook=WEBHOOK, kind="batch")]
    said = []
    for job in jobs:
        await hear(database, ports, job.submitted(), job.cancelled(0))
        await hear(database, ports, job.completed(cancelled=1, state="cancelled"))
        said.append(json.loads((await deliveries(database, job))[0]["body"]))
    assert said[0]["status"] == "cancelled"
    assert (said[1]["type"], said[1]["data"]["status"]) == ("job.completed", "cancelled")
    assert said[1]["data"]["images_cancelled"] == 1


def test_waits_grow_to_a_limit() -> None:
    patience, job = Patience(), Job()
    waits = [patience.not_yet(job.job_id, 1, "").seconds for _ in range(20)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.2, WAIT_SECONDS_MAX)
