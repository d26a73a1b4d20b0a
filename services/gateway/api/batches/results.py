"""The batches door: the results of one batch."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from services.gateway.api.batches.answers import FOUND, errors, found_batch
from services.gateway.api.batches.heads import answer_heads
from services.gateway.api.batches.report_files import in_the_doors_words
from services.gateway.api.batches.result_views import ResultPage, result_view
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.envelopes import timestamp
from services.gateway.batches.listing import NEWEST_FIRST, Listing, list_results
from services.gateway.ports import Ports
from shared.reports import ReportFilters

router = APIRouter(tags=["batches"], prefix="/api/v1/batches")

RESULTS_MAX = 10_000
RESULTS_USUAL = 1_000
PAGES_MAX = 1_000_000_000
TEXT_CHARACTERS = 500


def listing_response(listing: Listing, page: int, per_page: int) -> JSONResponse:
    """A page of results, and where it is."""
    meta = {"page": page, "per_page": per_page, "total": listing.total}
    data = [result_view(row) for row in listing.rows]
    return JSONResponse({"success": True, "data": data, "meta": meta, "timestamp": timestamp()})


@router.get(
    "/{batch_id}/results",
    summary="What the images of a batch showed",
    response_model=ResultPage,
    responses={**FOUND, **errors({400: "A parameter is not as it must be"})},
)
async def get_results(
    batch_id: str,
    status: Annotated[Literal["success", "failed", ""], Query(description="only those")] = "",
    page: Annotated[int, Query(ge=1, le=PAGES_MAX)] = 1,
    limit: Annotated[int, Query(ge=1, le=RESULTS_MAX, description="results on a page")] = RESULTS_USUAL,
    per_page: Annotated[int | None, Query(ge=1, le=RESULTS_MAX, description="the same, and preferred")] = None,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Newest first; one result for each image that has ended, its latest. A text is cut after 500 characters."""
    batch = await found_batch(ports, account_id, batch_id)
    filters = ReportFilters(success=None if not status else status == "success")
    size = per_page or limit
    with in_the_doors_words():
        listing = await list_results(
            ports, account_id, str(batch["job_id"]), filters, NEWEST_FIRST, page, size, TEXT_CHARACTERS
        )
    return listing_response(listing, page, size)


answer_heads(router)
