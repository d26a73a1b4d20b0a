"""Reports of a large batch: seconds and peak memory for each format, each in a process of its own; a clone, a deletion.

Rows are put straight into a private Postgres: what is measured begins with ReportRequested's work and ends with the
file. The base is a process that has read everything that it needs, and written nothing yet.
"""

import asyncio
import multiprocessing
import re
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from rich.console import Console
from rich.table import Table

import services.exporter
from deploy.local.stack import Stack
from deploy.local.state import CHECKOUT
from services.exporter import clones, deletions
from services.exporter.batch_rows import Clone, Deletion
from services.exporter.reporting import Reports
from services.exporter.upkeep import Upkeep
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import new_id
from shared.events import ReportRequested
from shared.reports import ReportSection, ReportSort

HOME = CHECKOUT / ".darkroom" / "bench-exports"
ACCOUNT = "bench"
MB = 1_000_000
PROCESS_SECONDS_MAX = 3_600
REPORTS: dict[str, dict[str, Any]] = {
    "base": {"format": "csv", "limit": 0},
    "csv": {"format": "csv"},
    "csv by name": {"format": "csv", "sort": ReportSort(by="store_name")},
    "json": {"format": "json"},
    "xlsx": {"format": "xlsx"},
    "csv in a zip": {"format": "csv", "bundled": True},
}
console = Console()


def run(rows: int) -> list[dict[str, Any]]:
    """Measure on a quiet machine with a server of its own; print the table, return the figures."""
    stack = Stack(HOME)
    stack.destroy()
    stack.start(services=False, report=console.log)
    try:
        url = stack.urls.postgres["exporter"]
        job_id = asyncio.run(fill(url, rows))
        figures = [measured(url, what, job_id, rows) for what in REPORTS]
        figures += asyncio.run(moved(url, job_id, rows))
    finally:
        stack.destroy()
    show(figures, rows)
    return figures


async def fill(url: str, rows: int) -> UUID:
    """A batch of so many images, of which a tenth failed; each carries two texts."""
    database = await Database.open(url, "exporter")
    job_id = new_id()
    try:
        await migrate(database, MIGRATIONS / "messaging", Path(services.exporter.__file__).parent / "migrations")
        async with database.connection() as connection:
            for statement in FILL:
                await connection.execute(statement.replace("$1", f"'{job_id}'").replace("$2", str(rows)), timeout=3_600)
    finally:
        await database.close()
    return job_id


FILL = (
    """
    INSERT INTO jobs (job_id, account_id, kind, run, images_total, columns)
    VALUES ($1, 'bench', 'batch', 1, $2, '["street", "rank"]')
    """,
    """
    INSERT INTO results (job_id, seq, run, account_id, image_id, item, item_key, item_name, position, item_size,
                         source_url, state, problem, detail, attempts)
    SELECT $1, seq, 1, 'bench', gen_random_uuid(), seq + 1, '', '', 0, 1,
           'https://images.example/shops/' || seq || '/front.jpg',
           CASE seq % 10 WHEN 0 THEN 'failed' ELSE 'succeeded' END,
           CASE seq % 10 WHEN 0 THEN 'http_404' END, CASE seq % 10 WHEN 0 THEN 'The server answered 404.' END, 1
    FROM generate_series(0, $2 - 1) AS seq
    """,
    """
    INSERT INTO findings (job_id, seq, run, account_id, image_id, url, success, store_image, text_content, store_name,
                          business_contact, image_description, problem, detail, provider, model, key_hint, cost_micros,
                          cache_hit, processing_seconds, carried, ended_at)
    SELECT job_id, seq, 1, account_id, image_id, source_url, problem IS NULL, seq % 3 = 0,
           repeat(md5(seq::text) || ' ', 6), 'Shop ' || md5((seq % 5000)::text), '+49 30 ' || seq,
           'Landscape photograph, sharp, mostly brown, little text', problem, detail, 'local', 'local-1', NULL, 0,
           false, 0.75, jsonb_build_array('Main Street ' || seq % 100, seq::text),
           timestamptz '2026-01-01' + seq * interval '1 millisecond'
    FROM results
    ORDER BY seq
    """,
    "ANALYZE findings",
)


def measured(url: str, what: str, job_id: UUID, rows: int) -> dict[str, Any]:
    """One report in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        figure = pool.apply_async(reported, (url, what, job_id, rows)).get(PROCESS_SECONDS_MAX)
    console.log(f"{what}: {figure['seconds']:.1f} s, {figure['peak_mb']:.0f} MB")
    return {"what": what, **figure}


def reported(url: str, what: str, job_id: UUID, rows: int) -> dict[str, float]:
    """Seconds, peak memory and file size of one report; runs in a process of its own."""
    moment = datetime.now(UTC)
    section = ReportSection(job_id=job_id, name="Shops", status="completed", results=rows, created_at=moment)
    event = ReportRequested.model_validate(
        {"account_id": ACCOUNT, "export_id": new_id(), "sections": [section], "requested_at": moment} | REPORTS[what]
    )

    async def report() -> tuple[float, int]:
        database = await Database.open(url, "exporter")
        reports = Reports(database, rows_max=rows, large=asyncio.Semaphore(1))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report"
            started = time.perf_counter()
            await reports.write(event, await reports.know(event), path)
            seconds = time.perf_counter() - started
            size = path.stat().st_size
        await database.close()
        return seconds, size

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seconds, size = runner.run(report())
    return {"seconds": seconds, "peak_mb": peak_bytes() / MB, "size_mb": size / MB}


def peak_bytes() -> int:
    """The most memory that this process has had; getrusage's figure begins with its parent's."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


async def moved(url: str, job_id: UUID, rows: int) -> list[dict[str, Any]]:
    """Seconds until a clone has all results, and until nothing is left of the original."""
    database = await Database.open(url, "exporter")
    upkeep = Upkeep(database, keep_seconds=0, settled_seconds=0)
    try:
        async with database.transaction() as connection:
            await clones.insert_clones(connection, [Clone(new_id(), ACCOUNT, job_id, rows)])
        copying = await seconds_of(upkeep.copy_once)
        async with database.transaction() as connection:
            await deletions.insert_deletions(connection, [Deletion(job_id, ACCOUNT)])
        sweeping = await seconds_of(upkeep.sweep_once)
    finally:
        await database.close()
    return [{"what": "clone", "seconds": copying}, {"what": "deletion", "seconds": sweeping}]


async def seconds_of(step: Any) -> float:
    """How long it takes until a step finds nothing more to do."""
    started = time.perf_counter()
    while await step():
        pass
    return time.perf_counter() - started


def show(figures: Sequence[dict[str, Any]], rows: int) -> None:
    """The figures as a table."""
    table = Table("what", "seconds", "peak RSS, MB", "file, MB", title=f"A batch of {rows:,} results")
    for figure in figures:
        memory = [f"{figure[name]:.0f}" if name in figure else "" for name in ("peak_mb", "size_mb")]
        table.add_row(figure["what"], f"{figure['seconds']:.1f}", *memory)
    console.print(table)
