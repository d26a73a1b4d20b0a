"""The batches door: files for pages, by links that a browser follows."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.gateway.api.batches.answers import CALLED, errors, not_found
from services.gateway.api.batches.export_views import TEMPLATE, template_response
from services.gateway.api.batches.exports import BatchFile, batch_file
from services.gateway.api.batches.heads import answer_heads
from services.gateway.api.batches.report_files import CSV, JSON, XLSX, files, in_the_doors_words, report_response
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.ids import id_of
from services.gateway.api.problems import Refused
from services.gateway.batches.filters import report_format
from services.gateway.batches.reporting import Wanted
from services.gateway.ports import Ports
from services.gateway.store import reports

router = APIRouter(tags=["batch exports"], prefix="/export")

MERGED_MAX = 100


@router.get(
    "/batch/{batch_id}",
    summary="A batch's results as a file, for pages",
    response_class=Response,
    responses=files(CSV, JSON, XLSX),
)
async def export_batch(
    batch_id: str,
    asked: Annotated[BatchFile, Query()],
    request: Request,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> Response:
    """The same file as at /api/v1/export/batch."""
    return await batch_file(request, ports, account_id, batch_id, asked)


@router.get(
    "/template",
    summary="A CSV to be filled in, for pages",
    response_class=Response,
    responses={
        **CALLED,
        **errors({400: "There is none in that format"}),
        200: {"content": {CSV: {"example": TEMPLATE}}, "description": "The file"},
    },
)
async def get_template(format: str = "csv", _: str = AccountOf) -> Response:
    """The same file as at /api/v1/export/template."""
    return template_response(format)


@router.get(
    "/bulk",
    summary="Several batches' results as one file",
    response_class=Response,
    responses=files(CSV, JSON, XLSX, not_found="One of the batches is not there"),
)
async def export_bulk(
    request: Request,
    batch_ids: Annotated[str, Query(description="ids, with commas between them; at most 100")] = "",
    format: Annotated[str, Query(description="csv, json or xlsx")] = "csv",
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> Response:
    """Batch after batch, the oldest first."""
    ids = list(dict.fromkeys(each.strip() for each in batch_ids.split(",") if each.strip()))
    if not ids:
        raise Refused(400, "batch_ids is required")
    if len(ids) > MERGED_MAX:
        raise Refused(400, f"Maximum {MERGED_MAX} batches can be exported together")
    with in_the_doors_words():
        file_format = report_format(format)
    job_ids = [job_id for each in ids if (job_id := id_of(each))]
    async with ports.database.connection() as connection:
        found = {row["job_id"] for row in await reports.list_sections(connection, account_id, job_ids, MERGED_MAX)}
    for each in ids:
        if id_of(each) not in found:
            raise not_found(each)
    wanted = Wanted(title="bulk_export", format=file_format, job_ids=job_ids, metadata=False)
    return await report_response(request, ports, account_id, wanted)


answer_heads(router)
