"""What images of batches showed, as it is recorded: one finding an image, whatever comes in which order."""

import json
import random

import pytest

from shared.events import Event
from tests.exporter_database import open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear
from tests.exporter_reports import findings


async def told(database, job: Job) -> list[tuple[int, int, bool, str | None]]:
    """seq, run, success and problem of a job's findings."""
    return [(row["seq"], row["run"], row["success"], row["problem"]) for row in await findings(database, job)]


async def test_an_analysed_image_is_recorded_with_all_that_is_known_of_it(database, ports) -> None:
    job = Job(kind="batch", columns=("city",), carried=("Par\0is", 'Q"'))
    await hear(database, ports, job.analyzed(store_image=True, store_name="Ca\0fé", cost_micros=310, cache_hit=True))
    (found,) = await findings(database, job)
    carried = json.loads(found.pop("carried"))
    assert carried == ["Paris", 'Q"']
    assert found == {
        "job_id": job.job_id,
        "seq": 0,
        "run": 1,
        "account_id": job.account_id,
        "image_id": job.image_ids[0],
        "url": "https://origin.example/0.jpg",
        "success": True,
        "store_image": True,
        "text_content": "text 0",
        "store_name": "Café",
        "business_contact": "",
        "image_description": "",
        "problem": None,
        "detail": None,
        "provider": "gemini",
        "model": "gemini-test",
        "key_hint": "x7Qa",
        "cost_micros": 310,
        "cache_hit": True,
        "processing_seconds": 0.75,
        "ended_at": job.ended_at(0),
    }


async def test_kept_and_failed_images_of_batches_are_recorded_and_none_of_other_kinds(database, ports) -> None:
    batch, products = Job(images_total=2, kind="batch"), Job(images_total=2)
    for job in (batch, products):
        await hear(database, ports, job.submitted(), job.enhanced(0), job.failed(1, detail="N\0o."))
    assert await told(database, batch) == [(0, 1, True, None), (1, 1, False, "http_404")]
    assert await told(database, products) == []


@pytest.mark.parametrize("seed", range(6))
async def test_findings_do_not_depend_on_order_or_repetition(database, ports, seed) -> None:
    job = Job(images_total=4, kind="batch")
    events: list[Event] = [
        job.analyzed(0),
        job.analyzed(1),
        job.failed(1, run=2),
        job.failed(2),
        job.analyzed(2, run=3),
        job.cancelled(3),
    ] * 2
    order = random.Random(seed)
    order.shuffle(events)
    while events:
        together = order.randint(1, 4)
        await hear(database, ports, *events[:together])
        del events[:together]
    assert await told(database, job) == [(0, 1, True, None), (1, 2, False, "http_404"), (2, 3, True, None)]


async def test_within_a_run_a_finding_is_that_of_the_outcome_which_stands(database, ports) -> None:
    job = Job(images_total=2, kind="batch")
    await hear(database, ports, job.failed(0), job.analyzed(0))
    await hear(database, ports, job.cancelled(1))
    await hear(database, ports, job.analyzed(1))
    assert await told(database, job) == [(0, 1, False, "http_404")]


async def test_of_two_findings_of_a_run_the_first_stands_and_of_two_runs_the_later(database, ports) -> None:
    job = Job(images_total=2, kind="batch")
    await hear(database, ports, job.analyzed(0, store_name="First"))
    await hear(database, ports, job.analyzed(0, store_name="Second"))
    await hear(database, ports, job.failed(1, run=2, problem="http_410"), job.failed(1))
    first, second = await findings(database, job)
    assert first["store_name"] == "First"
    assert (second["run"], second["problem"]) == (2, "http_410")


async def test_a_finding_outlives_the_cancellation_of_a_later_run(database, ports) -> None:
    job = Job(kind="batch")
    await hear(database, ports, job.analyzed())
    await hear(database, ports, job.cancelled(0, run=2))
    assert await told(database, job) == [(0, 1, True, None)]
    await hear(database, ports, job.failed(0, run=3))
    assert await told(database, job) == [(0, 3, False, "http_404")]


async def test_columns_are_known_from_the_first_submission_and_stay(database, ports) -> None:
    job = Job(kind="batch", columns=("city", "city", ""))
    silent = Job(kind="batch", job_id=job.job_id, account_id=job.account_id)
    for event in (job.submitted(), silent.submitted(run=2)):
        await hear(database, ports, event)
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT run, columns FROM jobs WHERE job_id = $1", job.job_id)
    assert (row["run"], json.loads(row["columns"])) == (2, ["city", "city", ""])
