"""The exporter's tables and result files: real Postgres, real blobs, independent readers."""

import csv
import hashlib
import io
import json
import random
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from services.exporter.handlers import gave_up
from services.exporter.ports import PAGE_ROWS, WAIT_SECONDS_MAX, Patience, Ports
from shared.db import Database
from shared.errors import NotYet, Permanent
from shared.events import Event, ExportCompleted, ExportFailed
from shared.facts import Blob, Webhook
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


async def keep(ports: Ports, content: bytes) -> Blob:
    """Put a rendition into the blob store."""
    digest = hashlib.sha256(content).hexdigest()
    with ports.blobs.staged() as path:
        path.write_bytes(content)
        await ports.blobs.keep(path, digest)
    return Blob(digest=digest, size_bytes=len(content), format="jpeg", width=8, height=6)


async def finished(database: Database, ports: Ports) -> Job:
    """A job of two products with two images each, of which one failed."""
    job = Job(images_total=4, item_size=2)
    blobs = [await keep(ports, f"picture {seq}".encode()) for seq in range(4)]
    succeeded = [job.enhanced(seq, blob=blobs[seq]) for seq in (0, 1, 3)]
    await hear(database, ports, job.submitted(), *succeeded, job.failed(2))
    return job


async def built(database: Database, ports: Ports, job: Job, format: Any, **facts: Any) -> tuple[ExportCompleted, Path]:
    """The announcement of an export, and its file; the announced digest and size are the file's."""
    (event,) = await hear(database, ports, job.export(format, **facts))
    assert isinstance(event, ExportCompleted)
    async with ports.blobs.local(event.digest) as path:
        content = path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == event.digest
        assert len(content) == event.size_bytes
        return event, path


def image_url(job: Job, seq: int) -> str:
    """Where the gateway serves an image."""
    return f"https://darkroom.example/api/image/{job.image_ids[seq]}.jpg"


async def test_an_export_as_csv(database, ports) -> None:
    job = await finished(database, ports)
    event, path = await built(database, ports, job, "csv")
    assert event.rows == 2
    header, first, second = csv.reader(io.StringIO(path.read_text("utf-8"), newline=""))
    assert header == ["S. No.", "Product Name", "Input Image Urls", "Output Image Urls", "Problems"]
    assert first[:2] == ["101", "Chair 1"]
    assert first[3].split(",") == [image_url(job, 0), image_url(job, 1)]
    assert second[2:] == [
        "https://origin.example/2.jpg,https://origin.example/3.jpg",
        f",{image_url(job, 3)}",
        "1: http_404 No.",
    ]


async def test_an_export_in_the_legacy_layout(database, ports) -> None:
    job = await finished(database, ports)
    _, path = await built(database, ports, job, "csv", layout="legacy")
    assert path.read_text().splitlines()[2].split(",")[2:] == [
        "https://origin.example/2.jpg",
        "https://origin.example/3.jpg",
        "",
        image_url(job, 3),
    ]


async def test_an_export_as_json(database, ports) -> None:
    job = await finished(database, ports)
    _, path = await built(database, ports, job, "json")
    first, second = json.loads(path.read_bytes())
    assert first["output_image_urls"] == [image_url(job, 0), image_url(job, 1)]
    assert [image["problem"] for image in second["images"]] == ["http_404", None]


async def test_an_export_as_xlsx(database, ports) -> None:
    job = await finished(database, ports)
    _, path = await built(database, ports, job, "xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(path.read_bytes())).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[1][:2] == (101, "Chair 1")
    assert len(rows) == 3


async def test_an_export_as_zip(database, ports) -> None:
    job = await finished(database, ports)
    _, path = await built(database, ports, job, "zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {"Chair 1-1.jpg", "Chair 1-2.jpg", "Chair 2-2.jpg", "results.csv"}
        assert archive.read("Chair 2-2.jpg") == b"picture 3"


async def test_a_file_is_read_in_pages_and_covers_every_row(database, ports) -> None:
    job = Job(images_total=2 * PAGE_ROWS)
    await hear(database, ports, *(job.enhanced(seq) for seq in range(job.images_total)))
    event, path = await built(database, ports, job, "csv")
    assert event.rows == job.images_total
    lines = list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    assert [line["S. No."] for line in lines] == [str(seq + 101) for seq in range(job.images_total)]
    assert "Problems" not in lines[0]


async def test_an_export_waits_until_its_results_are_here(database, ports) -> None:
    job = Job(images_total=2)
    requested = job.export()
    await hear(database, ports, job.submitted(run=2), job.enhanced(0))
    with pytest.raises(NotYet, match="1 results"):
        await hear(database, ports, requested)
    await hear(database, ports, job.failed(1))
    assert await hear(database, ports, requested)


async def test_an_export_of_a_further_run_waits_for_its_completion(database, ports) -> None:
    job = Job(images_total=2)
    requested = job.export(run=2)
    await hear(database, ports, job.submitted(run=2), job.enhanced(0), job.failed(1))
    with pytest.raises(NotYet, match="run 2"):
        await hear(database, ports, requested)
    await hear(database, ports, job.enhanced(1, run=2))
    await hear(database, ports, job.completed(succeeded=2, run=2))
    assert await hear(database, ports, requested)


async def test_an_export_is_announced_once(database, ports) -> None:
    job = await finished(database, ports)
    requested = job.export()
    assert len(await hear(database, ports, requested, requested)) == 1
    assert await hear(database, ports, requested) == []


async def test_a_file_for_too_many_rows_is_refused(database, ports) -> None:
    requested = Job().export(images_total=5_001)
    with pytest.raises(Permanent) as refused:
        await hear(database, ports, requested)
    outcome = gave_up(requested, refused.value, 1)
    (event,) = outcome.emit
    assert isinstance(event, ExportFailed)
    assert event.problem == "too_many_rows"
    assert gave_up(Job().completed(), refused.value, 1) is None


async def test_a_lost_blob_fails_the_build_and_leaves_no_file(database, ports, tmp_path) -> None:
    job = Job()
    await hear(database, ports, job.enhanced())
    with pytest.raises(FileNotFoundError):
        await hear(database, ports, job.export("zip"))
    assert list((tmp_path / "blobs" / "staging").iterdir()) == []
