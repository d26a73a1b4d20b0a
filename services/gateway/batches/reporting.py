"""Reports: results of batches as files that the exporter makes, once for what was asked and how far the results are."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from services.gateway.batches.filters import KINDS, Kind, ReportFormat, kinds_of
from services.gateway.ports import Ports
from services.gateway.store import reports, result_pages
from services.gateway.store.reports import NewReport
from shared import outbox
from shared.db import Row
from shared.envelope import new_id, new_traceparent
from shared.errors import DarkroomError
from shared.events import ReportRequested
from shared.names import safe_name
from shared.outcome import Connection
from shared.reports import ReportFilters, ReportSection, ReportSort

SECTIONS_MAX = 4_000  # of a message below 1 MiB


class TooManyRows(DarkroomError):
    """The report would have more rows than reports may have."""


class TooManyReports(DarkroomError):
    """So many exports are being written for the account that one more has to wait: try again later"""


class TooManyBatches(DarkroomError):
    """The report would be about more batches than one can be about."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that somebody wants, called `title` and, unless it is not to be stamped, the time.

    job_ids: None: all the account's batches that are shown. missing: ids in a bundle that the account has no batch of.
    limit: rows, None: as many as there are.
    """

    title: str
    format: ReportFormat
    job_ids: Sequence[UUID] | None
    filters: ReportFilters = field(default_factory=ReportFilters)
    sort: ReportSort = field(default_factory=ReportSort)
    limit: int | None = None
    bundled: bool = False
    metadata: bool = True
    missing: tuple[str, ...] = ()
    is_stamped: bool = True


async def matching_ids(ports: Ports, account_id: str, fragment: str) -> Sequence[UUID]:
    """The account's batches with a part in their ids; soft-deleted ones only by the whole id. Raises TooManyBatches."""
    async with ports.database.connection() as connection:
        found = await result_pages.list_matching_ids(connection, account_id, fragment, SECTIONS_MAX + 1)
    _check_batches(found)
    return found


async def request_report(ports: Ports, account_id: str, wanted: Wanted) -> UUID:
    """Ask for the file, or find that it was asked for; its id. Raises TooManyRows, TooManyBatches, TooManyReports."""
    async with ports.database.transaction() as connection:
        found = await reports.list_sections(connection, account_id, wanted.job_ids, SECTIONS_MAX + 1)
        _check_batches(found)
        _check_rows(found, wanted, ports.settings.export_rows_max)
        export_id, letters = await _requested(connection, account_id, wanted, found)
        if letters and await reports.count_waiting(connection, account_id) > ports.settings.exports_waiting_max:
            raise TooManyReports(TooManyReports.__doc__)
        posted = await outbox.add(connection, letters)
    ports.relay.publish(posted)
    return export_id


async def _requested(
    connection: Connection, account_id: str, wanted: Wanted, found: Sequence[asyncpg.Record]
) -> tuple[UUID, Sequence[outbox.Letter]]:
    said = ReportRequested(
        account_id=account_id,
        export_id=new_id(),
        format=wanted.format,
        bundled=wanted.bundled,
        metadata=wanted.metadata,
        sections=tuple(_section(row, is_named=wanted.bundled or len(found) == 1) for row in _ordered(found, wanted)),
        missing=wanted.missing,
        filters=wanted.filters,
        sort=wanted.sort,
        limit=wanted.limit,
        requested_at=datetime.now(UTC),
    )
    print_of_it = fingerprint(said, found)
    report = NewReport(
        said.export_id, account_id, print_of_it, wanted.format, wanted.bundled, _file_name(wanted, said.requested_at)
    )
    if await reports.insert_report(connection, report):
        return said.export_id, [outbox.following(new_traceparent(), said, source="gateway")]
    earlier = await reports.find_export_id(connection, account_id, print_of_it)
    assert earlier is not None
    return earlier, []


def fingerprint(said: ReportRequested, found: Sequence[Row]) -> bytes:
    """What tells this file from others: what was asked, and a mark that moves whenever the batches' results do."""
    asked = said.model_dump_json(exclude={"export_id", "requested_at"})
    versions = [[str(row["updated_at"]), row["results_store_images"]] for row in found]
    return hashlib.sha256(json.dumps([asked, versions]).encode()).digest()


def rows_known(found: Sequence[Row], wanted: Wanted) -> int | None:
    """How many rows the file will have, where counters tell; None where that depends on what the results say."""
    filters = wanted.filters
    if filters.model_dump(exclude={"success", "store_image"}, exclude_defaults=True):
        return None
    rows = sum(counts_of(row)[kind] for row in found for kind in kinds_of(filters.success, filters.store_image))
    return rows if wanted.limit is None else min(rows, wanted.limit)


def counts_of(row: Row) -> dict[Kind, int]:
    """A batch's numbers of results, by what they are."""
    shops = row["results_store_images"]
    return dict(zip(KINDS, (row["results_failed"], row["results_succeeded"] - shops, shops), strict=True))


def _check_batches(found: Sequence[object]) -> None:
    if len(found) > SECTIONS_MAX:
        raise TooManyBatches(f"A report is about at most {SECTIONS_MAX} batches: name some in batch_ids")


def _check_rows(found: Sequence[Row], wanted: Wanted, rows_max: int) -> None:
    rows = rows_known(found, wanted)
    if rows is not None and rows > rows_max:
        raise TooManyRows(f"Export too large: {rows} records. Maximum: {rows_max}")


def _ordered(found: Sequence[asyncpg.Record], wanted: Wanted) -> Sequence[asyncpg.Record]:
    """In a bundle in the order in which they were named, else the oldest first."""
    if not wanted.bundled or wanted.job_ids is None:
        return found
    places = {job_id: place for place, job_id in enumerate(wanted.job_ids)}
    return sorted(found, key=lambda row: places[row["job_id"]])


def _section(row: Row, *, is_named: bool) -> ReportSection:
    """What a report says of a batch; where many follow one another nothing names them."""
    return ReportSection(
        job_id=row["job_id"],
        name=row["name"] if is_named else "",
        status=row["status"] if is_named else "",
        results=row["results_succeeded"] + row["results_failed"],
        run=row["run"],
        run_results=row["run_results"],
        created_at=row["created_at"],
        started_at=row["started_at"] if is_named else None,
    )


def _file_name(wanted: Wanted, moment: datetime) -> str:
    stamp = f"_{moment:%Y%m%d_%H%M%S}" if wanted.is_stamped else ""
    return safe_name(wanted.title, "zip" if wanted.bundled else wanted.format, suffix=stamp)
