"""Result files of jobs: real Postgres, real blobs, independent readers."""

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from services.exporter.handlers import gave_up
from services.exporter.ports import PAGE_ROWS, Ports
from shared.db import Database
from shared.errors import NotYet, Permanent
from shared.events import ExportCompleted, ExportFailed
from shared.facts import Blob
from tests.exporter_database import open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear


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
