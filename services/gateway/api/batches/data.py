"""The batches door: results of all of an account's batches, page by page and as a file."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from services.gateway.api.batches.answers import CALLED, errors
from services.gateway.api.batches.heads import answer_heads
from services.gateway.api.batches.report_files import CSV, JSON, XLSX, files, in_the_doors_words, report_response
from services.gateway.api.batches.result_views import ResultPage
from services.gateway.api.batches.results import PAGES_MAX, listing_response
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.batches.filters import PAGE_ROWS_MAX, batch_fragment, either, report_format, sort_of
from services.gateway.batches.listing import list_results
from services.gateway.batches.reporting import Wanted, matching_ids
from services.gateway.ports import Ports
from shared.reports import ReportFilters

router = APIRouter(tags=["batches"], prefix="/api/v1/batch-data")


class DataFilters(BaseModel):
    """Which results, in which order."""

    success: str = Field("all", description="all, true or false")
    store_image: str = Field("all", description="all, true or false")
    batch_id: str | None = Field(None, description="a batch's id, or a part of it")
    sort: str | None = Field(
        None,
        description="field:asc or field:desc of success, store_image, store_name, processing_time_seconds, created_at",
    )

    def kinds(self) -> ReportFilters:
        """As filters; raises FilterRefused."""
        return ReportFilters(
            success=either(self.success, "success"), store_image=either(self.store_image, "store_image")
        )


class DataPage(DataFilters):
    """Which of these."""

    page: int = Field(1, ge=1, le=PAGES_MAX)
    per_page: int = Field(25, ge=1, le=PAGE_ROWS_MAX)


class DataFile(DataFilters):
    """As which file."""

    format: str = Field("csv", description="csv, json or xlsx")


@router.get(
    "",
    summary="Results of all batches",
    response_model=ResultPage,
    responses={**CALLED, **errors({400: "A parameter is not as it must be"})},
)
async def get_data(
    asked: Annotated[DataPage, Query()], account_id: str = AccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """Newest first unless `sort` says otherwise; equal ones by the time they were recorded.

    Pages go 100,000 results deep: what lies deeper is found by filters, or in an export. Soft-deleted batches are shown
    by their whole id only.
    """
    with in_the_doors_words():
        listing = await list_results(
            ports,
            account_id,
            batch_fragment(asked.batch_id),
            asked.kinds(),
            sort_of(asked.sort),
            asked.page,
            asked.per_page,
        )
    return listing_response(listing, asked.page, asked.per_page)


@router.get(
    "/export",
    summary="Results of all batches, as a file",
    response_class=Response,
    responses=files(CSV, JSON, XLSX, not_found="Never said here: a part of an id that no batch has matches nothing"),
)
async def export_data(
    asked: Annotated[DataFile, Query()], request: Request, account_id: str = AccountOf, ports: Ports = PortsOf
) -> Response:
    """The same filters and order as of the list; at most 4,000 batches and 1,000,000 results."""
    with in_the_doors_words():
        fragment = batch_fragment(asked.batch_id)
        wanted = Wanted(
            title="batch-data-export",
            is_stamped=False,
            format=report_format(asked.format),
            job_ids=None if fragment is None else await matching_ids(ports, account_id, fragment),
            filters=asked.kinds(),
            sort=sort_of(asked.sort),
            metadata=False,
        )
    return await report_response(request, ports, account_id, wanted)


answer_heads(router)
