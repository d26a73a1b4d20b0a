"""What the batches door's original got wrong is right here: its thirteen weaknesses, turned round one by one."""

import asyncio
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from tests.batch_builders import batch_csv, create_batch, post_batch, refused, run_batch, told, until_batch_ended
from tests.batch_steering import act, done, missing_photos, pending_batch, progress, slow_photos, until_processed
from tests.builders import Site, read_rows
from tests.callers import Caller

ACTIVE_MAX = 20
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
WHOLE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

PROVEN = {
    "3, at the very end": (
        "test_batch_steering.py",
        "test_a_batch_that_is_paused_at_its_last_image_completes_on_resume",
    ),
    "3, cancelled work": ("test_batch_steering.py", "test_a_cancelled_batch_stops_and_stays_so"),
    "4, a crash": ("test_batch_steering.py", "test_every_url_has_one_result_when_everything_was_killed_meanwhile"),
    "4, force-start": ("test_batch_restarts.py", "test_force_starts_at_the_same_time_and_again_and_again_lose_nothing"),
    "6": ("test_batch_clones.py", "test_an_active_batch_is_deleted_only_by_force_and_leaves_nothing"),
    "8, an upload": ("test_batch_creation.py", "test_2_23_an_upload_over_the_limit_is_refused"),
    "12, retention": (
        "test_batch_clones.py",
        "test_a_soft_deleted_batch_is_hidden_and_deleted_when_its_time_has_come",
    ),
}
"""What other acceptance tests prove, by the number of the weakness."""


@pytest.mark.parametrize("weakness", PROVEN)
def test_what_is_proven_elsewhere_still_is(weakness: str) -> None:
    file, sentence = PROVEN[weakness]
    assert f"def {sentence}(" in (Path(__file__).parent / file).read_text(encoding="utf-8")


async def test_1_and_2_every_chunk_runs_and_failed_ones_keep_no_batch_from_its_end(alice: Caller, site: Site) -> None:
    urls = [*site.photos(2), *missing_photos(site, 4), *site.photos(4)]
    batch_id = await run_batch(alice, batch_csv(urls), chunk_size="2")
    chunks = (await told(alice, f"/batches/{batch_id}/chunks"))["chunks"]
    assert [chunk["status"] for chunk in chunks] == ["completed"] * 5
    assert [chunk["failed_count"] for chunk in chunks] == [0, 2, 2, 0, 0]


async def test_2_what_is_retried_runs(alice: Caller, site: Site) -> None:
    batch_id = await run_batch(alice, batch_csv([f"{site.url}/flaky/9{site.target(url)}" for url in site.photos(3)]))
    assert (await progress(alice, batch_id))["failed_count"] == 3
    for _ in range(3):
        if (await progress(alice, batch_id))["failed_count"]:
            assert (await alice.post(f"/api/v1/batches/{batch_id}/retry?only=failed")).status_code == 200
            await until_batch_ended(alice, batch_id)
    assert (await progress(alice, batch_id))["successful_count"] == 3


async def test_3_and_4_pausing_and_resuming_stops_the_work_and_fetches_nothing_twice(alice: Caller, site: Site) -> None:
    urls = slow_photos(site, 120, 60)
    batch_id = await create_batch(alice, batch_csv(urls))
    for number in (5, 15, 25):
        await until_processed(alice, batch_id, number)
        await done(alice, batch_id, "pause")
        await done(alice, batch_id, "resume")
    assert (await until_batch_ended(alice, batch_id))["progress"]["successful_count"] == 120
    counts = await site.counts()
    assert [counts[site.target(url)] for url in urls] == [1] * 120


async def test_5_of_many_starts_at_the_same_time_as_many_succeed_as_may(alice: Caller, site: Site) -> None:
    urls = slow_photos(site, 3 * (ACTIVE_MAX + 5), 2_000)
    waiting = [await pending_batch(alice, urls[first : first + 3]) for first in range(0, len(urls), 3)]
    answers = await asyncio.gather(*(act(alice, batch_id, "start") for batch_id in waiting))
    try:
        assert Counter(answer.status_code for answer in answers) == {200: ACTIVE_MAX, 400: 5}
        sentences = {refused(answer, 400) for answer in answers if answer.status_code == 400}
        assert sentences == {f"Maximum concurrent batches ({ACTIVE_MAX}) reached"}
    finally:
        for batch_id in waiting:
            await alice.delete(f"/api/v1/batches/{batch_id}", params={"force": "true"})


async def test_5_what_is_answered_from_the_cache_counts_as_it_happens(alice: Caller, site: Site) -> None:
    urls = site.photos(3)
    await run_batch(alice, batch_csv(urls))
    batch_id = await create_batch(alice, batch_csv([*urls, *slow_photos(site, 1, 3_000)]))
    found = await until_processed(alice, batch_id, 3)
    assert (found["processed_count"], found["successful_count"], found["status"]) == (3, 3, "processing")


async def test_7_a_clone_with_results_has_them_and_says_how_many(alice: Caller, site: Site) -> None:
    urls = [*site.photos(2), *missing_photos(site, 1)]
    batch_id = await run_batch(alice, batch_csv(urls))
    cloned = await done(alice, batch_id, "clone", {"new_name": "again", "copy_results": True})
    assert cloned["results_copied"] == 3
    results = (await alice.get(f"/api/v1/batches/{cloned['new_batch_id']}/results")).json()["data"]
    assert {result["url"]: result["success"] for result in results} == {url: url not in urls[2:] for url in urls}


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/json"])
@pytest.mark.parametrize(
    ("action", "status"),
    [("clone", 400), ("soft-delete", 200), ("force-start", 200), ("pause", 400)],
)
async def test_8_a_post_without_a_body_is_no_fault_of_ours(
    alice: Caller, site: Site, action: str, status: int, media_type: str | None
) -> None:
    batch_id = await pending_batch(alice, site.photos(1))
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await alice.post(f"/api/v1/batches/{batch_id}/{action}", headers=headers)
    assert (answer.status_code, answer.json()["success"]) == (status, status == 200)


async def test_9_a_spreadsheet_opens_and_has_its_times_and_ids(alice: Caller, site: Site) -> None:
    batch_id = await run_batch(alice, batch_csv([*site.photos(2), *missing_photos(site, 1)]))
    answer = await alice.get(f"/api/v1/export/batch/{batch_id}", params={"format": "xlsx"})
    assert answer.status_code == 200, answer.text
    header, *rows = openpyxl.load_workbook(io.BytesIO(answer.content))["Results"].iter_rows(values_only=True)
    assert len(rows) == 3
    assert {row[header.index("Batch ID")] for row in rows} == {batch_id}
    assert all(WHOLE_TIME.fullmatch(str(row[header.index("Created At")])) for row in rows)


async def test_10_a_cleanup_leaves_alone_what_lives(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await create_batch(client, batch_csv(slow_photos(site, 40, 100)))
    await until_processed(client, batch_id, 1)
    cleaned = await client.post("/admin/queue/cleanup", json={"job_types": ["process_chunk", "chunk_processing"]})
    assert cleaned.status_code == 200, cleaned.text
    found = await until_batch_ended(client, batch_id)
    assert (found["status"], found["progress"]["successful_count"]) == ("completed", 40)


async def test_11_what_strangers_wrote_does_no_harm(alice: Caller, site: Site) -> None:
    rows = [f"{site.photo()},=HYPERLINK(1)", "http://169.254.169.254/latest/meta-data,+A1", f"{site.url}/huge.jpg,@x"]
    batch_id = await run_batch(alice, batch_csv(rows, "url,shop"))
    answer = await alice.get(f"/api/v1/export/batch/{batch_id}", params={"metadata": "false"})
    found = {row["shop"]: row["error_message"].partition(":")[0] for row in read_rows(answer)}
    assert found == {"'=HYPERLINK(1)": "", "'+A1": "address_forbidden", "'@x": "too_large"}


async def test_12_a_soft_deleted_batch_is_told_by_more_than_words(alice: Caller, site: Site) -> None:
    name = "Soft deleted on purpose"
    named, hidden = [await run_batch(alice, batch_csv(site.photos(1)), batch_name=name) for _ in range(2)]
    await done(alice, hidden, "soft-delete", {"retention_days": 7})
    assert [batch["batch_id"] for batch in (await told(alice, "/batches"))["batches"]] == [named]
    all_of_them = (await told(alice, "/batches", include_soft_deleted="true"))["batches"]
    assert {batch["batch_id"]: batch["is_soft_deleted"] for batch in all_of_them} == {named: False, hidden: True}


async def test_13_every_time_is_utc_and_says_so(alice: Caller, site: Site) -> None:
    batch_id = await run_batch(alice, batch_csv([*site.photos(1), *missing_photos(site, 1)]))
    paths = [f"/batches/{batch_id}/{part}" for part in ("status", "progress", "chunks", "results", "health")]
    paths += [f"/batch/{batch_id}", "/batches", "/batch-data", *(f"/export/batch/{batch_id}/{part}" for part in VIEWS)]
    times = [time for path in paths for time in times_in((await alice.get(f"/api/v1{path}")).json())]
    assert len(times) > len(paths)
    assert [time for time in times if not WHOLE_TIME.fullmatch(time)] == []
    refusal = await post_batch(alice, "foo\nbar\n")
    assert WHOLE_TIME.fullmatch(refusal.json()["timestamp"])


VIEWS = ("preview", "summary")


def times_in(part: Any) -> list[str]:
    """Every text in an answer that begins like a time."""
    if isinstance(part, str):
        return [part] if TIME.match(part) else []
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    return [time for each in parts for time in times_in(each)]
