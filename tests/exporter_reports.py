"""Reports as the exporter makes them: asked for by an event, read from the blob that its answer names."""

import csv
import hashlib
import io
import json
from typing import Any

from services.exporter.ports import Ports
from shared.db import Database
from shared.events import ExportCompleted, ReportRequested
from tests.exporter_events import Job, hear


async def made(database: Database, ports: Ports, asked: ReportRequested) -> tuple[ExportCompleted, bytes]:
    """The announcement of a report, and its file; the announced digest and size are the file's."""
    (event,) = await hear(database, ports, asked)
    assert isinstance(event, ExportCompleted)
    assert (event.export_id, event.job_id) == (asked.export_id, None)
    async with ports.blobs.local(event.digest) as path:
        content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == event.digest
    assert len(content) == event.size_bytes
    return event, content


async def urls(database: Database, ports: Ports, asked: ReportRequested) -> list[str]:
    """The URLs that a report tells of, in its order; as many as it announces."""
    event, content = await made(database, ports, asked.model_copy(update={"format": "json"}))
    found = [result["url"] for result in json.loads(content)["results"]]
    assert len(found) == event.rows
    return found


def lines(content: bytes) -> list[dict[str, str]]:
    """A table's lines by its header, without comments."""
    text = content.decode("utf-8")
    table = text[text.index("url,success") :]
    return list(csv.DictReader(io.StringIO(table, newline="")))


async def findings(database: Database, job: Job) -> list[dict[str, Any]]:
    """What is recorded of a job's images, in their order."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM findings WHERE job_id = $1 ORDER BY seq", job.job_id)
    return [dict(row) for row in rows]
