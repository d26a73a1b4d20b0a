"""Reports of batches: which results, in which order, once they are here; in one file or a bundle."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.exporter import findings, reporting
from services.exporter.handlers import gave_up
from services.exporter.reporting import WAIT_SECONDS_MAX
from shared.db import Database
from shared.errors import NotYet, Permanent
from shared.events import ReportFilters, ReportSort
from tests.exporter_database import open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear, report
from tests.exporter_reports import lines, made, urls

NAMES = ("Bäcker", "", "100% Café_1", "bäcker & co", "Zoo\\Shop")


async def batch(database: Database, ports, account_id: str = "", **facts) -> Job:
    """A batch of six images: five shops by NAMES, of which two say how to reach them, and a failure."""
    account = {"account_id": account_id} if account_id else {}
    job = Job(images_total=6, kind="batch", name="Shops", **account, **facts)
    found = [
        job.analyzed(seq, store_name=name, store_image=seq % 2 == 0, business_contact="mail@x.example" * (seq > 2))
        for seq, name in enumerate(NAMES)
    ]
    await hear(database, ports, job.submitted(), *found, job.failed(5))
    return job


def numbered(*seqs: int) -> list[str]:
    """The URLs of a job's images."""
    return [f"https://origin.example/{seq}.jpg" for seq in seqs]


@pytest.mark.parametrize(
    ("filters", "seqs"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"success": True}, [0, 1, 2, 3, 4]),
        ({"success": False}, [5]),
        ({"store_image": True}, [0, 2, 4]),
        ({"store_image": False}, [1, 3, 5]),
        ({"has_store_name": True}, [0, 2, 3, 4]),
        ({"has_contact": True}, [3, 4]),
        ({"store_name_contains": "BÄCKER"}, [0, 3]),
        ({"store_name_contains": "%"}, [2]),
        ({"store_name_contains": "_"}, [2]),
        ({"store_name_contains": "\\"}, [4]),
        ({"store_name_contains": "\0"}, [0, 1, 2, 3, 4, 5]),
        ({"store_name_contains": ""}, [0, 1, 2, 3, 4, 5]),
        ({"from_time": Job().ended_at(2), "to_time": Job().ended_at(4)}, [2, 3, 4]),
        ({"has_store_name": True, "store_image": True, "success": True, "to_time": Job().ended_at(3)}, [0, 2]),
    ],
)
async def test_filters_choose_results(database, ports, filters, seqs) -> None:
    job = await batch(database, ports)
    assert await urls(database, ports, report(job, filters=ReportFilters(**filters))) == numbered(*seqs)


@pytest.mark.parametrize(
    ("by", "descending", "seqs"),
    [
        ("created_at", False, [0, 1, 2, 3, 4, 5]),
        ("created_at", True, [5, 4, 3, 2, 1, 0]),
        ("success", False, [5, 0, 1, 2, 3, 4]),
        ("success", True, [0, 1, 2, 3, 4, 5]),
        ("store_image", False, [1, 3, 5, 0, 2, 4]),
        ("store_image", True, [0, 2, 4, 1, 3, 5]),
        ("store_name", False, [1, 5, 2, 0, 4, 3]),
        ("store_name", True, [3, 4, 0, 2, 1, 5]),
        ("processing_time_seconds", True, [0, 1, 2, 3, 4, 5]),
    ],
)
async def test_results_stand_in_the_order_asked_for_and_equal_ones_by_time(
    database, ports, by, descending, seqs
) -> None:
    job = await batch(database, ports)
    asked = report(job, sort=ReportSort(by=by, descending=descending))
    assert await urls(database, ports, asked) == numbered(*seqs)
    limited = asked.model_copy(update={"export_id": UUID(int=job.job_id.int ^ 1), "limit": 2})
    assert await urls(database, ports, limited) == numbered(*seqs[:2])


async def test_several_batches_follow_one_another_by_time_and_mix_in_any_other_order(database, ports) -> None:
    first = await batch(database, ports)
    second = await batch(database, ports, account_id=first.account_id)
    by_time = report(second, first)
    assert await urls(database, ports, by_time) == numbered(*range(6), *range(6))
    by_name = report(first, second, sort=ReportSort(by="store_name"), limit=5)
    assert await urls(database, ports, by_name) == numbered(1, 1, 5, 5, 2)
    newest = report(first, second, sort=ReportSort(descending=True), limit=3)
    assert await urls(database, ports, newest) == numbered(5, 5, 4)


async def test_another_accounts_results_are_never_told(database, ports) -> None:
    job = await batch(database, ports)
    stranger = report(job.section(results=0), account_id="somebody-else")
    assert await urls(database, ports, stranger) == []
    with pytest.raises(NotYet):
        await hear(database, ports, report(job, account_id="somebody-else"))


@pytest.mark.parametrize("format", ["csv", "json", "xlsx"])
async def test_no_matching_rows_and_no_batches_are_a_file_with_the_header_only(database, ports, format) -> None:
    job = await batch(database, ports)
    nothing = ReportFilters(store_name_contains="nowhere")
    for asked in (report(job, format=format, filters=nothing), report(format=format), report(job, limit=0)):
        event, content = await made(database, ports, asked)
        assert event.rows == 0
        assert content


async def test_columns_of_batches_are_united_in_one_table(database, ports) -> None:
    first = await batch(database, ports, columns=("city", "url"), carried=("Paris", "7"))
    second = await batch(
        database, ports, account_id=first.account_id, columns=("note", "city"), carried=("=1+1", "Rome")
    )
    _, content = await made(database, ports, report(first, second))
    found = lines(content)
    assert list(found[0])[11:] == ["city", "input_url", "note"]
    assert [(line["city"], line["input_url"], line["note"]) for line in (found[0], found[-1])] == [
        ("Paris", "7", ""),
        ("Rome", "", "'=1+1"),
    ]
    _, content = await made(database, ports, report(first, second, format="json"))
    assert json.loads(content)["results"][-1]["columns"] == {"note": "=1+1", "city": "Rome"}


async def test_after_a_further_run_the_newest_result_is_told(database, ports) -> None:
    job = await batch(database, ports)
    await hear(database, ports, job.failed(0, run=2), job.analyzed(5, run=2, store_name="Found"))
    _, content = await made(database, ports, report(job))
    found = {line["url"]: line for line in lines(content)}
    assert len(found) == 6
    assert found[numbered(0)[0]]["error_message"] == "http_404: No."
    assert found[numbered(5)[0]]["store_name"] == "Found"


async def test_a_report_waits_for_results_that_replace_earlier_ones(database, ports) -> None:
    job = await batch(database, ports)
    again = job.section(results=6).model_copy(update={"run": 2, "run_results": 2})
    asked = report(again, account_id=job.account_id)
    await hear(database, ports, job.failed(0, run=2))
    with pytest.raises(NotYet, match="1 results"):
        await hear(database, ports, asked)
    await hear(database, ports, job.analyzed(5, run=3, store_name="Found"))
    assert len(await urls(database, ports, asked)) == 6


async def test_a_report_shows_one_moment_also_while_results_change(database, ports) -> None:
    count = 2 * findings.PAGE_ROWS
    job = Job(images_total=count, kind="batch")
    await hear(database, ports, job.submitted(), *(job.analyzed(seq) for seq in range(count)))
    told = []
    async with database.transaction() as connection:
        pages = findings.matching(
            connection, job.account_id, [job.job_id], ReportFilters(), ReportSort(), limit=10 * count
        )
        async for page in pages:
            told += [(row["url"], row["success"]) for row in page]
            await hear(database, ports, *(job.failed(seq, run=2) for seq in range(count)))
    assert told == [(url, True) for url in numbered(*range(count))]


async def test_a_report_waits_for_submission_and_results_and_gives_up_with_a_reason(database, ports) -> None:
    job = Job(images_total=2, kind="batch")
    await hear(database, ports, job.analyzed(0))
    with pytest.raises(NotYet, match="submission"):
        await hear(database, ports, report(job.section(1), account_id=job.account_id))
    await hear(database, ports, job.submitted())
    with pytest.raises(NotYet, match="1 results"):
        await hear(database, ports, report(job))
    long_ago = datetime.now(UTC) - timedelta(seconds=WAIT_SECONDS_MAX + 1)
    late = report(job, requested_at=long_ago)
    with pytest.raises(Permanent, match="1 results") as given_up:
        await hear(database, ports, late)
    (failed,) = gave_up(late, given_up.value, 1).emit
    assert (failed.export_id, failed.job_id, failed.problem) == (late.export_id, None, "results_missing")
    await hear(database, ports, job.failed(1))
    assert await urls(database, ports, report(job, requested_at=long_ago)) == numbered(0, 1)


async def test_a_report_waits_for_results_of_a_further_run_too(database, ports) -> None:
    job = await batch(database, ports)
    asked = report(job.section(6, run=2, run_results=2), account_id=job.account_id)
    await hear(database, ports, job.analyzed(0, run=2))
    with pytest.raises(NotYet, match="1 results"):
        await hear(database, ports, asked)
    await hear(database, ports, job.failed(1, run=3))
    assert len(await urls(database, ports, asked)) == 6


async def test_a_report_is_made_and_announced_once(database, ports) -> None:
    job = await batch(database, ports)
    asked = report(job)
    assert len(await hear(database, ports, asked, asked)) == 1
    assert await hear(database, ports, asked) == []


async def test_more_rows_than_a_file_may_have_are_refused_unless_a_limit_keeps_them_out(
    database, ports, tmp_path
) -> None:
    job = Job(images_total=5_001, kind="batch")
    await hear(database, ports, job.submitted(), *(job.analyzed(seq) for seq in range(5_001)))
    for asked in (report(job), report(job, limit=6_000), report(job, bundled=True)):
        with pytest.raises(Permanent, match="too_many_rows"):
            await hear(database, ports, asked)
    assert len(await urls(database, ports, report(job, limit=5_000))) == 5_000
    assert list((tmp_path / "blobs" / "staging").iterdir()) == []


async def test_small_reports_pass_large_ones_by(database, ports, monkeypatch) -> None:
    job = await batch(database, ports)
    monkeypatch.setattr(reporting, "LARGE_ROWS", 5)
    async with ports.reports.large, ports.reports.large:
        assert ports.reports.large.locked()
        with pytest.raises(NotYet, match="large"):
            await hear(database, ports, report(job))
        assert len(await urls(database, ports, report(job, limit=5))) == 5
    assert len(await urls(database, ports, report(job))) == 6


async def test_a_bundle_has_a_file_for_each_batch_and_a_note_for_each_that_is_missing(database, ports) -> None:
    first = await batch(database, ports)
    second = await batch(database, ports, account_id=first.account_id)
    gone = await batch(database, ports, account_id=first.account_id)
    await hear(database, ports, gone.deleted())
    asked = report(first, second, gone, bundled=True, missing=("nonsense", "../../etc/passwd\n"))
    event, content = await made(database, ports, asked)
    assert event.rows == 12
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        files = {f"Shops_{job.job_id.hex[-8:]}.csv" for job in (first, second)}
        notes = {f"ERROR_{gone.job_id}.txt", "ERROR_nonsense.txt", "ERROR_.._.._etc_passwd.txt"}
        assert set(archive.namelist()) == {*files, *notes, "export_summary.txt"}
        for name in files:
            assert len(lines(archive.read(name))) == 6
            assert archive.read(name).startswith(b"# Batch Export Report")
        assert {archive.read(name) for name in notes} == {b"Export failed: Batch not found\n"}
        summary = archive.read("export_summary.txt").decode()
    assert "Number of Batches: 5\nFailed: 3\nTotal Records: 12\n" in summary
    assert all(name in summary for name in files | notes)


async def test_a_bundles_limit_counts_over_its_files(database, ports) -> None:
    first = await batch(database, ports)
    second = await batch(database, ports, account_id=first.account_id)
    event, content = await made(database, ports, report(first, second, bundled=True, format="json", limit=8))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        counts = [len(json.loads(archive.read(name))["results"]) for name in archive.namelist()[:2]]
    assert (event.rows, counts) == (8, [6, 2])


async def test_a_report_of_nothing_but_deleted_batches_fails_and_of_others_leaves_them_out(database, ports) -> None:
    kept = await batch(database, ports)
    gone = await batch(database, ports, account_id=kept.account_id)
    await hear(database, ports, gone.deleted())
    with pytest.raises(Permanent, match="batch_deleted"):
        await hear(database, ports, report(gone))
    assert await urls(database, ports, report(kept, gone)) == numbered(*range(6))
