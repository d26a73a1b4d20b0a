"""Batches steered on their own tables: races for the limit, late news, what is left of a deleted one."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from services.gateway.batches import cleaning, cloning, control, deleting, restarting
from services.gateway.batches.control import NoSuchBatch, NotNow, TooManyActive
from services.gateway.ports import Ports
from services.gateway.store import batch_deletions
from shared.events import JobCompleted
from tests.batch_invariants import assert_batches_count_their_rows
from tests.batch_tables import ACCOUNT, ended, hear, job_of, let_in, new_batch, open_tables, status_of

ACTIVE_MAX = 3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(postgres_url: str, amqp_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ports]:
    """A gateway's tables, with room for three active batches of an account."""
    folder = tmp_path_factory.mktemp("blobs")
    async with open_tables(postgres_url, amqp_url, folder, batches_active_max=ACTIVE_MAX) as opened:
        yield opened


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def counters_are_right(ports: Ports, postgres_url: str) -> AsyncIterator[None]:
    """After each test the counters say what the rows say; nothing is left for the next one."""
    yield
    await sweep(ports)
    tables = f"{postgres_url}{'&' if '?' in postgres_url else '?'}search_path=gateway"
    await assert_batches_count_their_rows(tables)
    async with ports.database.connection() as connection:
        left = await connection.fetch("SELECT account_id, job_id FROM batches")
    for row in left:
        await deleting.delete(ports, row["account_id"], row["job_id"], force=True)
    await sweep(ports)
    await assert_batches_count_their_rows(tables)


async def sweep(ports: Ports) -> int:
    """Remove the rows of what was deleted; in how many portions."""
    portions = 0
    while await deleting.sweep_portion(ports):
        portions += 1
    return portions


async def started(ports: Ports, count: int, **options: int) -> UUID:
    """A batch that was started."""
    job_id = await new_batch(ports, count, **options)
    await control.start(ports, ACCOUNT, job_id)
    return job_id


async def counts_of(ports: Ports, job_id: UUID) -> tuple[object, ...]:
    """State, run, in flight, succeeded, failed, cancelled."""
    job = await job_of(ports, job_id)
    assert job is not None
    names = ("state", "run", "in_flight", "images_succeeded", "images_failed", "images_cancelled")
    return tuple(job[name] for name in names)


async def test_of_batches_started_at_once_no_more_are_active_than_may_be(ports: Ports) -> None:
    batches = [await new_batch(ports, 1) for _ in range(8)]
    told = await asyncio.gather(*(control.start(ports, ACCOUNT, job_id) for job_id in batches), return_exceptions=True)
    refused = [each for each in told if each is not None]
    assert [type(each) for each in refused] == [TooManyActive] * 5
    assert str(refused[0]) == "Maximum concurrent batches (3) reached"
    statuses = [await status_of(ports, job_id) for job_id in batches]
    assert (statuses.count("queued"), statuses.count("pending")) == (3, 5)


async def test_a_paused_batch_leaves_its_place_and_needs_one_to_go_on(ports: Ports) -> None:
    first, *_ = [await started(ports, 1) for _ in range(ACTIVE_MAX)]
    await control.pause(ports, ACCOUNT, first)
    other = await started(ports, 1)
    for steer in (control.resume, restarting.retry):
        with pytest.raises((TooManyActive, NotNow)):
            await steer(ports, ACCOUNT, first)
    with pytest.raises(TooManyActive):
        await restarting.force_start(ports, ACCOUNT, first, skip_validation=False)
    assert await status_of(ports, first) == "paused"
    await control.cancel(ports, ACCOUNT, other)
    await control.resume(ports, ACCOUNT, first)
    assert await status_of(ports, first) == "queued"


async def test_another_account_has_places_of_its_own(ports: Ports) -> None:
    for _ in range(ACTIVE_MAX):
        await started(ports, 1)
    theirs = await new_batch(ports, 1, account_id="other")
    with pytest.raises(NoSuchBatch):
        await control.start(ports, ACCOUNT, theirs)
    await control.start(ports, "other", theirs)


async def test_a_batch_whose_last_images_end_while_it_is_paused_completes_on_resume(ports: Ports) -> None:
    job_id = await started(ports, 2)
    rows = await let_in(ports, job_id, 2)
    await control.pause(ports, ACCOUNT, job_id)
    assert await hear(ports, ended(job_id, rows, "succeeded")) == []
    assert await status_of(ports, job_id) == "paused"
    await control.resume(ports, ACCOUNT, job_id)
    assert await status_of(ports, job_id) == "completed"


async def test_late_news_of_an_earlier_run_change_nothing(ports: Ports) -> None:
    job_id = await started(ports, 30)
    rows = await let_in(ports, job_id, 20)
    await hear(ports, ended(job_id, rows[:5], "succeeded") + ended(job_id, rows[5:10], "failed"))
    done = await restarting.force_start(ports, ACCOUNT, job_id, skip_validation=False)
    assert (done.status, done.run, done.images, done.chunks) == ("processing", 2, 25, 3)
    assert await hear(ports, ended(job_id, rows, "failed")) == []
    assert await hear(ports, ended(job_id, rows, "cancelled")) == []
    assert await counts_of(ports, job_id) == ("open", 2, 0, 5, 0, 0)
    again = await let_in(ports, job_id, 30)
    assert [row["seq"] for row in again] == list(range(5, 30))
    late_and_new = ended(job_id, again, "cancelled") + ended(job_id, again, "succeeded", run=2)
    (completed,) = await hear(ports, late_and_new)
    assert isinstance(completed, JobCompleted)
    assert (completed.run, completed.images_succeeded) == (2, 30)


async def test_a_batch_is_restarted_as_often_as_one_likes(ports: Ports) -> None:
    job_id = await started(ports, 12, chunk_size=5)
    for run in range(1, 6):
        rows = await let_in(ports, job_id, 7)
        await hear(ports, ended(job_id, rows[:1], "succeeded", run) + ended(job_id, rows[1:3], "failed", run))
        await control.cancel(ports, ACCOUNT, job_id)
        await hear(ports, ended(job_id, rows[3:], "cancelled", run))
        done = await restarting.force_start(ports, ACCOUNT, job_id, skip_validation=False)
        assert (done.status, done.run, done.images) == ("cancelled", run + 1, 12 - run)
    assert await counts_of(ports, job_id) == ("open", 6, 0, 5, 0, 0)


async def test_a_reset_in_the_middle_begins_anew(ports: Ports) -> None:
    job_id = await started(ports, 12)
    rows = await let_in(ports, job_id, 8)
    await hear(ports, ended(job_id, rows[:4], "succeeded"))
    await restarting.reset(ports, ACCOUNT, job_id, force=False)
    assert await counts_of(ports, job_id) == ("pending", 2, 0, 0, 0, 0)
    assert await hear(ports, ended(job_id, rows, "succeeded")) == []
    await control.start(ports, ACCOUNT, job_id)
    again = await let_in(ports, job_id, 12)
    assert len(again) == 12
    assert len(await hear(ports, ended(job_id, again, "succeeded", run=2))) == 1


async def test_news_of_a_deleted_batch_change_nothing_before_and_after_it_is_swept_up(ports: Ports) -> None:
    job_id = await started(ports, 12)
    rows = await let_in(ports, job_id, 12)
    await deleting.delete(ports, ACCOUNT, job_id, force=True)
    assert await status_of(ports, job_id) is None
    assert await hear(ports, ended(job_id, rows[:6], "succeeded")) == []
    await sweep(ports)
    assert await job_of(ports, job_id) is None
    assert await hear(ports, ended(job_id, rows[6:], "succeeded")) == []
    for steer in (control.pause, control.cancel, restarting.retry_failed):
        with pytest.raises(NoSuchBatch):
            await steer(ports, ACCOUNT, job_id)


async def test_a_large_batch_is_swept_up_in_portions_while_news_of_it_arrive(ports: Ports) -> None:
    job_id = await started(ports, 12_000, chunk_size=100)
    rows = await let_in(ports, job_id, 1_000)
    await deleting.delete(ports, ACCOUNT, job_id, force=True)
    news = (hear(ports, ended(job_id, rows[first : first + 100], "succeeded")) for first in range(0, 1_000, 100))
    portions, *told = await asyncio.gather(sweep(ports), *news)
    assert told == [[]] * 10
    assert portions + await sweep(ports) >= 4
    assert await job_of(ports, job_id) is None


async def test_what_is_kept_long_enough_is_deleted_and_what_is_restored_is_not(ports: Ports) -> None:
    gone, back = [await new_batch(ports, 1) for _ in range(2)]
    for job_id in (gone, back):
        await deleting.soft_delete(ports, ACCOUNT, job_id, 0)
    await restarting.force_start(ports, ACCOUNT, back, skip_validation=False)
    async with ports.database.connection() as connection:
        overdue = [row["job_id"] for row in await batch_deletions.list_overdue(connection, 10)]
    assert overdue == [gone]
    assert await status_of(ports, back) == "queued"


async def test_only_batches_in_which_nothing_happens_are_cleaned_up(ports: Ports) -> None:
    stuck, live, waiting = await started(ports, 12, chunk_size=5), await started(ports, 5), await new_batch(ports, 5)
    async with ports.database.connection() as connection:
        await connection.execute(
            "UPDATE jobs SET updated_at = now() - interval '30 hours' WHERE job_id = ANY($1::uuid[])", [stuck, waiting]
        )
    cleaned = await cleaning.clean_up(ports, timedelta(hours=24))
    assert (cleaned.batches, cleaned.chunks, cleaned.kept) == (2, 4, 1)
    assert [await status_of(ports, each) for each in (stuck, waiting, live)] == ["cancelled", "cancelled", "queued"]
    assert (await cleaning.clean_up(ports, timedelta(hours=0))).batches == 0


async def test_a_clone_in_the_middle_is_one_snapshot(ports: Ports) -> None:
    job_id = await started(ports, 40)
    rows = await let_in(ports, job_id, 40)
    portions = [rows[first : first + 4] for first in range(0, 40, 4)]

    async def run() -> None:
        for portion in portions:
            await hear(ports, ended(job_id, portion, "failed" if portion[0]["seq"] % 8 else "succeeded"))

    clones = asyncio.gather(
        *(cloning.clone(ports, ACCOUNT, job_id, f"clone {each}", copy_results=True) for each in range(5))
    )
    await run()
    for cloned in await clones:
        counts = await counts_of(ports, cloned.job_id)
        assert counts[0] == "pending"
        assert counts[3] + counts[4] == cloned.results  # type: ignore[operator]


async def test_a_clone_says_where_the_results_are_that_it_has(ports: Ports) -> None:
    job_id = await started(ports, 10)
    rows = await let_in(ports, job_id, 10)
    await hear(ports, ended(job_id, [rows[seq] for seq in (0, 1, 4, 9)], "succeeded"))
    cloned = await cloning.clone(ports, ACCOUNT, job_id, "partly", copy_results=True)
    await hear(ports, ended(job_id, [rows[seq] for seq in (2, 3, 5, 6, 7, 8)], "failed"))
    whole = await cloning.clone(ports, ACCOUNT, job_id, "all", copy_results=True)
    async with ports.database.connection() as connection:
        said = await connection.fetch("SELECT subject, body FROM outbox WHERE event_type = 'job.cloned.v1'")
    stretches = {row["subject"]: json.loads(row["body"])["data"].get("stretches") for row in said}
    assert stretches[str(cloned.job_id)] == [[0, 1], [4, 4], [9, 9]]
    assert stretches[str(whole.job_id)] is None


async def test_steering_one_batch_from_all_sides_at_once_ends_consistently(ports: Ports) -> None:
    job_id = await started(ports, 60, chunk_size=7)
    rows = await let_in(ports, job_id, 50)

    async def steer(action: int) -> None:
        acts = (
            lambda: control.pause(ports, ACCOUNT, job_id),
            lambda: control.resume(ports, ACCOUNT, job_id),
            lambda: control.cancel(ports, ACCOUNT, job_id),
            lambda: restarting.retry(ports, ACCOUNT, job_id),
            lambda: restarting.force_start(ports, ACCOUNT, job_id, skip_validation=True),
            lambda: hear(ports, ended(job_id, rows[action : action + 10], "succeeded")),
        )
        try:
            await acts[action % len(acts)]()
        except (NotNow, TooManyActive):
            return

    await asyncio.gather(*(steer(action) for action in range(42)))
    status = await status_of(ports, job_id)
    assert status in ("queued", "processing", "paused", "cancelled", "completed")  # every counter: counters_are_right
