"""Pages of results: of one batch, or of all that an account has."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import asyncpg

from services.gateway.batches.filters import KINDS, FilterRefused, Kind, kinds_of, page_offset, slices_of
from services.gateway.ports import Ports
from services.gateway.store import result_pages
from services.gateway.store.result_pages import Wanted
from shared.outcome import Connection
from shared.reports import ReportFilters, ReportSort

UNINDEXED = ("store_name", "processing_time_seconds")
NEWEST_FIRST = ReportSort(by="created_at", descending=True)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of results, and how many there are in all."""

    rows: Sequence[asyncpg.Record]
    total: int


async def list_results(
    ports: Ports,
    account_id: str,
    fragment: str | None,
    filters: ReportFilters,
    sort: ReportSort,
    page: int,
    per_page: int,
    text_max: int | None = None,
) -> Listing:
    """A page of the results that pass the filters; raises FilterRefused for pages that would cost too much."""
    kinds = kinds_of(filters.success, filters.store_image)
    async with ports.database.connection() as connection:
        counts = await _counts(connection, account_id, fragment)
        total = sum(counts[kind] for kind in kinds)
        offset = page_offset(page, per_page, total)
        if sort.by in UNINDEXED and total > ports.settings.export_rows_max:
            raise FilterRefused(f"More results than can be sorted by {sort.by}. Narrow the filters, or take an export")
        rows: list[asyncpg.Record] = []
        if offset < total:
            wanted = Wanted(account_id, fragment, kinds, offset, per_page, text_max)
            rows = await _rows(connection, wanted, sort, counts)
    return Listing(rows, total)


async def _counts(connection: Connection, account_id: str, fragment: str | None) -> dict[Kind, int]:
    found = await result_pages.count_kinds(connection, account_id, fragment)
    return dict(zip(KINDS, (found["failed"], found["others"], found["store_images"]), strict=True))


async def _rows(
    connection: Connection, wanted: Wanted, sort: ReportSort, counts: dict[Kind, int]
) -> list[asyncpg.Record]:
    if sort.by in UNINDEXED:
        return await result_pages.list_sorted(connection, wanted, sort.by, sort.descending)
    rows: list[asyncpg.Record] = []
    is_newest_first = sort.by == "created_at" and sort.descending  # in other orders equal ones go by their time
    list_page = result_pages.list_newest if is_newest_first else result_pages.list_oldest
    kinds = [Kind(*kind) for kind in wanted.kinds]
    for part in slices_of(counts, kinds, sort, wanted.offset, wanted.limit):
        piece = replace(wanted, kinds=part.kinds, offset=part.offset, limit=part.limit)
        rows += await list_page(connection, piece)
    return rows
