"""Clones take over what is known of another job's images, portion by portion, and once."""

from dataclasses import replace
from typing import Any

from services.exporter.upkeep import Upkeep
from shared.cloning import cloned_id
from shared.db import Database
from tests.exporter_database import open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear, report
from tests.exporter_reports import findings, lines, made


def clone_of(original: Job) -> Job:
    """A job of the same images, for the same account."""
    return Job(images_total=original.images_total, kind="batch", account_id=original.account_id, name="Again")


async def copy_all(database: Database, portion_rows: int = 2) -> int:
    """Copy whatever is due; returns how many steps it took."""
    upkeep = Upkeep(database, keep_seconds=0, portion_rows=portion_rows)
    await let_all_come(database)
    steps = 0
    while await upkeep.copy_once():
        steps += 1
    return steps


async def let_all_come(database: Database) -> None:
    """Pass the time until every clone is looked at again."""
    async with database.connection() as connection:
        await connection.execute("UPDATE clones SET next_copy_at = now()")


async def results(database: Database, job: Job) -> list[dict[str, Any]]:
    """A job's rows."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM results WHERE job_id = $1 ORDER BY seq", job.job_id)
    return [dict(row) for row in rows]


async def clones_left(database: Database) -> int:
    """How many clones are still to be copied."""
    async with database.connection() as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM clones")
        return count


async def test_what_has_ended_is_copied_under_ids_of_its_own_and_the_rest_is_not(database, ports) -> None:
    original = Job(images_total=6, kind="batch", columns=("city",), carried=("Paris",))
    await hear(database, ports, original.submitted(), original.analyzed(0, store_name="Shop"), original.failed(1))
    await hear(database, ports, original.enhanced(2), original.analyzed(4), original.cancelled(5))
    clone = clone_of(original)
    await hear(database, ports, clone.cloned(original, 4))
    assert await copy_all(database) == 3
    assert await clones_left(database) == 0
    copied = await results(database, clone)
    assert [(row["seq"], row["run"], row["state"], row["problem"]) for row in copied] == [
        (0, 0, "succeeded", None),
        (1, 0, "failed", "http_404"),
        (2, 0, "succeeded", None),
        (4, 0, "succeeded", None),
    ]
    assert [row["image_id"] for row in copied] == [cloned_id(clone.job_id, seq) for seq in (0, 1, 2, 4)]
    assert [row["blob"] for row in copied] == [None, None, f"{2:064x}", None]
    own = {"job_id", "run", "image_id"}
    told = [{name: value for name, value in row.items() if name not in own} for row in await findings(database, clone)]
    known = await findings(database, original)
    assert told == [{name: value for name, value in row.items() if name not in own} for row in known]
    _, content = await made(database, ports, report(clone.section(4), account_id=clone.account_id))
    assert [line["city"] for line in lines(content)] == ["Paris"] * 4


async def test_only_results_where_the_clone_has_them_are_copied_however_many_there_are_by_now(database, ports) -> None:
    original = Job(images_total=6, kind="batch")
    await hear(database, ports, original.submitted(), *(original.analyzed(seq) for seq in (1, 2, 3, 5)))
    clone = clone_of(original)
    await hear(database, ports, clone.cloned(original, 3, stretches=((0, 1), (5, 5))))
    assert await copy_all(database) == 1
    assert (await findings(database, clone), await clones_left(database)) == ([], 1)
    await hear(database, ports, original.failed(0))
    await copy_all(database)
    assert [row["seq"] for row in await results(database, clone)] == [0, 1, 5]


async def test_the_originals_results_are_waited_for(database, ports) -> None:
    original = Job(images_total=2, kind="batch")
    clone = clone_of(original)
    await hear(database, ports, clone.cloned(original, 2), original.analyzed(0), original.submitted())
    assert await copy_all(database) == 1
    assert (await findings(database, clone), await clones_left(database)) == ([], 1)
    await hear(database, ports, original.failed(1))
    await copy_all(database)
    assert (len(await findings(database, clone)), await clones_left(database)) == (2, 0)


async def test_what_a_clone_finds_out_itself_stands(database, ports) -> None:
    original = Job(images_total=2, kind="batch")
    clone = replace(clone_of(original), image_ids=())
    await hear(database, ports, original.submitted(), original.failed(0), original.failed(1))
    await hear(database, ports, clone.cloned(original, 2), clone.analyzed(0))
    await copy_all(database)
    await hear(database, ports, clone.analyzed(1))
    assert [(row["run"], row["success"]) for row in await findings(database, clone)] == [(1, True), (1, True)]
    assert [(row["run"], row["state"]) for row in await results(database, clone)] == [(1, "succeeded")] * 2


async def test_a_clone_keeps_its_own_submission_and_completes_by_what_was_copied(database, ports) -> None:
    original = Job(images_total=2, kind="batch")
    clone = clone_of(original)
    await hear(database, ports, original.submitted(), original.analyzed(0), original.failed(1))
    await hear(database, ports, clone.cloned(original, 2), clone.submitted())
    await copy_all(database)
    await hear(database, ports, clone.completed(succeeded=1, failed=1))
    job, tally = await ports.records.job(clone.job_id)
    assert (job.run, job.completed_run, tally.total) == (1, 1, 2)


async def test_another_accounts_results_are_not_copied(database, ports) -> None:
    original = Job(kind="batch")
    thief = Job(kind="batch")
    await hear(database, ports, original.submitted(), original.analyzed())
    await hear(database, ports, thief.cloned(original, 1))
    await copy_all(database)
    async with database.connection() as connection:
        await connection.execute("UPDATE clones SET created_at = now() - interval '2 hours'")
    await copy_all(database)
    assert (await findings(database, thief), await clones_left(database)) == ([], 0)


async def test_a_repeated_or_deleted_clone_copies_nothing_more(database, ports) -> None:
    original = Job(kind="batch")
    clone, gone = clone_of(original), clone_of(original)
    await hear(database, ports, original.submitted(), original.analyzed())
    await hear(database, ports, clone.cloned(original, 1), clone.cloned(original, 1))
    await hear(database, ports, gone.cloned(original, 1), gone.deleted())
    await hear(database, ports, gone.cloned(original, 1))
    await copy_all(database)
    assert [len(await findings(database, each)) for each in (clone, gone)] == [1, 0]


async def test_a_deleted_original_stays_until_its_clones_have_copied_it(database, ports) -> None:
    original = Job(images_total=5, kind="batch")
    clone = clone_of(original)
    await hear(database, ports, original.submitted(), *(original.analyzed(seq) for seq in range(4)))
    await hear(database, ports, clone.cloned(original, 5), original.deleted())
    upkeep = Upkeep(database, keep_seconds=0, settled_seconds=0)
    while await upkeep.sweep_once():
        pass
    assert len(await findings(database, original)) == 4
    await hear(database, ports, original.analyzed(4))
    await copy_all(database)
    while await upkeep.sweep_once():
        pass
    assert [len(await findings(database, each)) for each in (clone, original)] == [5, 0]


async def test_a_clone_of_what_is_gone_takes_what_is_left(database, ports) -> None:
    original = Job(kind="batch")
    clone = clone_of(original)
    await hear(database, ports, original.submitted(), original.analyzed(), original.deleted())
    upkeep = Upkeep(database, keep_seconds=0, settled_seconds=0)
    while await upkeep.sweep_once():
        pass
    await hear(database, ports, clone.cloned(original, 1))
    await copy_all(database)
    assert (await findings(database, clone), await clones_left(database)) == ([], 0)
