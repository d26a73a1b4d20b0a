"""The batches door: an account's batches, and one of them with what is known of its latest images."""

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.gateway.api.batches.answers import CALLED, FOUND, answer, errors
from services.gateway.api.batches.models import BatchDetails, BatchPage, Envelope, Pong
from services.gateway.api.batches.status import found_status
from services.gateway.api.batches.views import batch_view, details_view
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.envelopes import timestamp
from services.gateway.api.ids import id_of
from services.gateway.api.problems import Refused
from services.gateway.batches import states
from services.gateway.ports import Ports
from services.gateway.store import batches, results

router = APIRouter(tags=["batches"], prefix="/api/v1")

PER_PAGE, PER_PAGE_MAX = 50, 100
NUMBER_MAX = 1_000_000
RECENT_RESULTS = 10


@router.get("/ping", summary="Does the door answer?", response_model=Envelope[Pong], responses=CALLED)
async def ping(_: str = AccountOf) -> JSONResponse:
    """It does, to callers that may call."""
    return answer({"status": "ok"})


@router.get(
    "/batches",
    summary="An account's batches",
    response_model=BatchPage,
    responses={**CALLED, **errors({400: "A number or a status is not as it must be"})},
)
async def list_batches(
    limit: str = "",
    page: str = "",
    per_page: str = "",
    status: str = "",
    include_soft_deleted: str = "",
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Newest first: `limit` (50; at most 100) of them, or page after page of `per_page`. Soft-deleted ones are left out
    unless `include_soft_deleted=true`."""
    limit_given = min(PER_PAGE_MAX, _number("limit", limit, PER_PAGE))
    size = min(PER_PAGE_MAX, _number("per_page", per_page, limit_given))
    place = _number("page", page, 1)
    if status and status not in states.STATUSES:
        raise Refused(400, f"Invalid status filter: {status[:100]}")
    async with ports.database.connection() as connection:
        found = await batches.list_batches(
            connection,
            account_id,
            status or None,
            include_soft_deleted.lower() == "true",
            size + 1,
            (place - 1) * size,
        )
    now = datetime.now(UTC)
    views = [batch_view(batch, now) for batch in found[:size]]
    return JSONResponse(
        {
            "success": True,
            "data": {"batches": views, "count": len(views), "limit": limit_given, "status_filter": status or None},
            "pagination": {
                "page": place,
                "per_page": size,
                "has_next": len(found) > size,
                "total_returned": len(views),
            },
            "timestamp": timestamp(),
        }
    )


@router.get("/batch/{batch_id}", summary="A batch in detail", response_model=Envelope[BatchDetails], responses=FOUND)
async def batch_details(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Everything that its status says, and the ten latest results."""
    job_id = id_of(batch_id)
    async with ports.database.connection() as connection:
        batch = await batches.find_batch(connection, account_id, job_id) if job_id else None
    if batch is None:
        raise Refused(404, "Batch not found", id=batch_id[:100])
    batch, status = await found_status(ports, account_id, batch_id)
    async with ports.database.connection() as connection:
        latest = await results.list_recent(connection, batch["job_id"], RECENT_RESULTS)
    return answer(details_view(status, batch, latest))


def _number(name: str, text: str, usual: int) -> int:
    """A number from 1 on; what is missing is as usual. Raises 400."""
    if not text:
        return usual
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(NUMBER_MAX))
    if not is_number or not 1 <= int(text) <= NUMBER_MAX:
        raise Refused(400, f"{name} must be a number from 1 to {NUMBER_MAX:,}")
    return int(text)
