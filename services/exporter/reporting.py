"""Makes files of what images of batches showed: when it is all here, how much of it, and in which format."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from services.exporter import findings
from services.exporter.formats.bundle import Bundle
from services.exporter.formats.report_csv import save_csv
from services.exporter.formats.report_json import save_json
from services.exporter.formats.report_xlsx import save_xlsx
from services.exporter.pages import hand_over
from services.exporter.report_rows import CarriedColumns, Report, ReportRow
from shared.db import Database
from shared.errors import NotYet, Permanent
from shared.events import ReportRequested
from shared.outcome import Connection
from shared.reports import ReportSection

WAIT_SECONDS_MAX = 180
LARGE_ROWS = 20_000
BUSY_SECONDS = 2.0

Save = Callable[[Iterator[Sequence[ReportRow]], Path, Report], None]
WRITERS: dict[str, Save] = {"csv": save_csv, "json": save_json, "xlsx": save_xlsx}


@dataclass(frozen=True, slots=True)
class KnownSection:
    """What is known of a batch. `columns` None: its submission has not arrived. `run_findings`: of the asked run on."""

    columns: tuple[str, ...] | None
    findings: int
    run_findings: int
    is_deleted: bool


Known = dict[UUID, KnownSection]


def why_not_told(event: ReportRequested, known: Known, now: datetime) -> str | None:
    """What a report still waits for; None when it can be made.

    Raises Permanent `results_missing` when it has waited for too long.
    """
    reason = next(filter(None, (_why_not_here(section, known[section.job_id]) for section in event.sections)), None)
    if reason and (now - event.requested_at).total_seconds() > WAIT_SECONDS_MAX:
        raise Permanent("results_missing", f"Given up after {WAIT_SECONDS_MAX} seconds: {reason}.")
    return reason


def _why_not_here(section: ReportSection, known: KnownSection) -> str | None:
    if known.is_deleted or not section.results:
        return None
    if known.columns is None:
        return f"the submission of batch {section.job_id} has not arrived"
    missing = max(section.results - known.findings, section.run_results - known.run_findings)
    return f"{missing} results of batch {section.job_id} have not arrived" if missing > 0 else None


@dataclass(frozen=True, slots=True)
class Reports:
    """Reads findings and writes files, page by page, each report from one moment's view of the database.

    large: the slots of large reports; one that finds none free comes again, so that small ones pass it by.
    """

    database: Database
    rows_max: int
    large: asyncio.Semaphore

    async def know(self, event: ReportRequested) -> Known:
        """What is known of the report's batches."""
        async with self.database.connection() as connection:
            rows = await findings.list_sections(connection, event.account_id, event.sections)
        return {
            row["job_id"]: KnownSection(
                columns=tuple(json.loads(row["columns"])) if row["columns"] else None,
                findings=row["findings"],
                run_findings=row["run_findings"],
                is_deleted=row["is_deleted"],
            )
            for row in rows
        }

    async def write(self, event: ReportRequested, known: Known, path: Path) -> int:
        """Write the report to `path`; returns how many results it tells of.

        Raises Permanent `too_many_rows`, and `batch_deleted` when nothing is left to tell of; NotYet while too many
        large ones are being written.
        """
        kept = [section for section in event.sections if not known[section.job_id].is_deleted]
        if event.sections and not kept and not event.bundled:
            raise Permanent("batch_deleted", "The batch was deleted.")
        rows = sum(known[section.job_id].findings for section in kept)
        async with (
            self._slot(rows if event.limit is None else min(rows, event.limit)),
            self._one_moment() as connection,
        ):
            writing = _Writing(connection, event, known)
            total = await writing.count(kept, event.limit)
            if total > self.rows_max:
                raise Permanent("too_many_rows", f"An export holds at most {self.rows_max:,} results.")
            if event.bundled:
                return await writing.bundle(path)
            await writing.file(kept, total, path)
            return total

    @asynccontextmanager
    async def _slot(self, rows: int) -> AsyncIterator[None]:
        if rows <= LARGE_ROWS:
            yield
            return
        if self.large.locked():
            raise NotYet("other large reports are being written", BUSY_SECONDS)
        async with self.large:
            yield

    @asynccontextmanager
    async def _one_moment(self) -> AsyncIterator[Connection]:
        async with (
            self.database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


@dataclass(frozen=True, slots=True)
class _Writing:
    """One report being written."""

    connection: Connection
    event: ReportRequested
    known: Known

    async def count(self, sections: Sequence[ReportSection], limit: int | None) -> int:
        """How many results of these batches a file is to tell of."""
        found = await findings.count_matching(
            self.connection, self.event.account_id, _ids(sections), self.event.filters
        )
        return found if limit is None else min(found, max(limit, 0))

    async def file(self, sections: Sequence[ReportSection], total: int, path: Path) -> None:
        """Write one file about these batches."""
        report = Report(
            exported_at=self.event.requested_at,
            total=total,
            columns=CarriedColumns.of({job_id: self.known[job_id].columns or () for job_id in _ids(sections)}),
            section=sections[0] if len(sections) == 1 else None,
            has_metadata=self.event.metadata,
        )
        save = WRITERS[self.event.format]
        async with aclosing(self._pages(sections, total)) as pages:
            await hand_over(pages, lambda arriving: save(arriving, path, report))

    async def bundle(self, path: Path) -> int:
        """Write an archive with a file for each batch, as long as the report's limit allows rows."""
        left = self.event.limit
        with Bundle.open(path, self.event.format) as bundle, TemporaryDirectory(dir=path.parent) as folder:
            for section in self.event.sections:
                if self.known[section.job_id].is_deleted:
                    bundle.add_missing(str(section.job_id))
                    continue
                total = await self.count([section], left)
                left = None if left is None else left - total
                part = Path(folder) / "part"
                await self.file([section], total, part)
                await asyncio.to_thread(bundle.add, section, part, total)
            for asked in self.event.missing:
                bundle.add_missing(asked)
            bundle.finish(self.event.requested_at)
        return bundle.rows

    async def _pages(self, sections: Sequence[ReportSection], total: int) -> AsyncGenerator[list[ReportRow], None]:
        event = self.event
        pages = findings.matching(
            self.connection, event.account_id, _ids(sections), event.filters, event.sort, limit=total
        )
        async for page in pages:
            yield [ReportRow(*record) for record in page]


def _ids(sections: Sequence[ReportSection]) -> list[UUID]:
    return list(dict.fromkeys(section.job_id for section in sections))
