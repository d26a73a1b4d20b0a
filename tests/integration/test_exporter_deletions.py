"""Deleted jobs leave nothing behind but a tombstone, whatever still comes in."""

import pytest

from services.exporter.upkeep import Upkeep
from shared.db import Database
from shared.errors import Permanent
from shared.facts import Webhook
from tests.exporter_database import open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear

WEBHOOK = Webhook(url="https://shop.example/hook", secrets_sealed=("sealed",))
STEPS_MAX = 50


async def left_of(database: Database, job: Job) -> dict[str, int]:
    """In which tables how many rows of a job are."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            """
            SELECT 'jobs' AS place FROM jobs WHERE job_id = $1
            UNION ALL SELECT 'results' FROM results WHERE job_id = $1
            UNION ALL SELECT 'findings' FROM findings WHERE job_id = $1
            UNION ALL SELECT 'exports' FROM exports WHERE job_id = $1
            UNION ALL SELECT 'clones' FROM clones WHERE job_id = $1
            UNION ALL SELECT 'deliveries' FROM deliveries WHERE job_id = $1
            UNION ALL SELECT 'attempts' FROM delivery_attempts JOIN deliveries USING (delivery_id) WHERE job_id = $1
            """,
            job.job_id,
        )
    places = [row["place"] for row in rows]
    return {place: places.count(place) for place in set(places)}


async def sweep_all(database: Database, portion_rows: int = 2) -> int:
    """Sweep until nothing is due; returns how many steps it took."""
    upkeep = Upkeep(database, keep_seconds=0, settled_seconds=0, portion_rows=portion_rows)
    for steps in range(STEPS_MAX):
        if not await upkeep.sweep_once():
            return steps
    raise AssertionError(f"still at it after {STEPS_MAX} steps")


async def ended(database: Database, ports, images_total: int = 5) -> Job:
    """A batch that has ended, with a file, and a webhook that is still to be sent."""
    job = Job(images_total=images_total, kind="batch", webhook=WEBHOOK)
    await hear(database, ports, job.submitted(), *(job.analyzed(seq) for seq in range(images_total)))
    await hear(database, ports, job.completed(succeeded=images_total), job.export())
    return job


async def deliver(database: Database, job: Job) -> None:
    """The job's message arrives at the first attempt."""
    async with database.transaction() as connection:
        await connection.execute(
            """
            WITH delivered AS (
                UPDATE deliveries SET state = 'delivered', attempts = 1 WHERE job_id = $1 RETURNING delivery_id
            )
            INSERT INTO delivery_attempts (delivery_id, attempt, attempted_at, seconds, status, detail)
            SELECT delivery_id, 1, now(), 0.1, 200, '' FROM delivered
            """,
            job.job_id,
        )


async def test_nothing_is_left_of_a_deleted_job_and_others_stay(database, ports) -> None:
    gone, kept = await ended(database, ports), await ended(database, ports)
    for job in (gone, kept):
        await deliver(database, job)
    before = await left_of(database, kept)
    assert before == {"jobs": 1, "results": 5, "findings": 5, "exports": 1, "deliveries": 1, "attempts": 1}
    await hear(database, ports, gone.deleted(), gone.deleted())
    assert await sweep_all(database) == 5  # three portions, the end, a last look
    assert await left_of(database, gone) == {}
    assert await left_of(database, kept) == before
    assert await sweep_all(database) == 0


async def test_whoever_is_owed_a_message_still_gets_it(database, ports) -> None:
    job = await ended(database, ports)
    await hear(database, ports, job.deleted())
    upkeep = Upkeep(database, keep_seconds=0, settled_seconds=0)
    for _ in range(3):
        await upkeep.sweep_once()
    assert await left_of(database, job) == {"deliveries": 1}
    await deliver(database, job)
    await sweep_all(database)
    assert await left_of(database, job) == {}


async def test_what_comes_later_is_not_kept_in_whatever_order(database, ports) -> None:
    job = Job(images_total=3, kind="batch", webhook=WEBHOOK)
    await hear(database, ports, job.deleted())
    await sweep_all(database)
    await hear(database, ports, job.submitted(), job.analyzed(0), job.failed(1), job.cancelled(2))
    await hear(database, ports, job.completed(succeeded=1, failed=1, cancelled=1))
    assert await left_of(database, job) == {}
    with pytest.raises(Permanent, match="job_deleted"):
        await hear(database, ports, job.export())


async def test_what_was_on_its_way_when_the_sweep_began_is_swept_too(database, ports) -> None:
    job = Job(images_total=2, kind="batch")
    await hear(database, ports, job.deleted())
    upkeep = Upkeep(database, keep_seconds=0, settled_seconds=30)
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO jobs (job_id, account_id, kind, run, images_total) VALUES ($1, '', 'batch', 1, 2)", job.job_id
        )
        assert await upkeep.sweep_once()
    assert await left_of(database, job) == {"jobs": 1}
    assert not await upkeep.sweep_once()
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE deleted_jobs SET next_sweep_at = now(), closed_at = now() - interval '1 minute' WHERE job_id = $1",
            job.job_id,
        )
    assert await upkeep.sweep_once()
    assert await left_of(database, job) == {}
    assert not await upkeep.sweep_once()


async def test_a_deleted_job_is_kept_for_a_moment(database, ports) -> None:
    job = await ended(database, ports, images_total=1)
    await deliver(database, job)
    await hear(database, ports, job.deleted())
    assert not await Upkeep(database, keep_seconds=60).sweep_once()
    await hear(database, ports, job.failed(0, run=2))
    assert (await left_of(database, job))["findings"] == 1


async def test_two_exporters_sweep_and_copy_side_by_side(database, ports) -> None:
    jobs = [await ended(database, ports, images_total=3) for _ in range(3)]
    for job in jobs:
        await deliver(database, job)
    await hear(database, ports, *(job.deleted() for job in jobs))
    first, second = (Upkeep(database, keep_seconds=0, settled_seconds=0, portion_rows=1) for _ in range(2))
    steps = [await each.sweep_once() for each in [first, second] * STEPS_MAX]
    assert not steps[-1]
    assert [await left_of(database, job) for job in jobs] == [{}] * 3
