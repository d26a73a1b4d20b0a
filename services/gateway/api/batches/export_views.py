"""The batches door: what can be exported, what was, and how it would look."""

from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from services.gateway.api.batches.answers import CALLED, FOUND, answer, errors, found_batch, written
from services.gateway.api.batches.export_models import FormatsView, PreviewView, StatisticsView, SummaryView
from services.gateway.api.batches.exports import BatchFile
from services.gateway.api.batches.heads import answer_heads
from services.gateway.api.batches.report_files import CSV, in_the_doors_words
from services.gateway.api.batches.result_views import preview_view
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.problems import Refused
from services.gateway.batches.filters import FORMATS, applied, filters_of, kinds_of, report_format
from services.gateway.ports import Ports
from services.gateway.store import reports, result_pages
from shared.names import content_disposition

router = APIRouter(tags=["batch exports"], prefix="/api/v1/export")

PREVIEW_ROWS = 100
MEGABYTE = 1 << 20
ROW_BYTES = {"csv": 200, "json": 400, "xlsx": 150}
TEMPLATE = "url,batch_name,priority\nhttps://example.com/image1.jpg,Example Batch,normal\n"
SUPPORTED_FORMATS = {
    "csv": {
        "name": "Comma Separated Values",
        "description": "Standard CSV format for spreadsheet applications",
        "supports_filtering": True,
        "supports_metadata": True,
        "file_extension": ".csv",
        "mime_type": "text/csv",
    },
    "json": {
        "name": "JavaScript Object Notation",
        "description": "JSON format for API integrations",
        "supports_filtering": True,
        "supports_metadata": True,
        "file_extension": ".json",
        "mime_type": "application/json",
    },
    "xlsx": {
        "name": "Microsoft Excel",
        "description": "Excel format with multiple sheets",
        "supports_filtering": True,
        "supports_metadata": True,
        "file_extension": ".xlsx",
        "mime_type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    },
}


def template_response(file_format: str) -> Response:
    """A CSV to be filled in; raises 400 for other formats."""
    if file_format.strip().lower() not in ("", "csv"):
        raise Refused(400, "Templates only available for CSV format")
    headers = {"Content-Disposition": content_disposition("import_template.csv"), "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(TEMPLATE, media_type=CSV, headers=headers)


@router.get(
    "/template",
    summary="A CSV to be filled in",
    response_class=Response,
    responses={
        **CALLED,
        **errors({400: "There is none in that format"}),
        200: {"content": {CSV: {"example": TEMPLATE}}, "description": "The file"},
    },
)
async def get_template(format: str = "csv", _: str = AccountOf) -> Response:
    """The columns of an upload, with a row as an example."""
    return template_response(format)


@router.get("/formats", summary="What files there are", response_model=FormatsView, responses=CALLED)
async def get_formats(_: str = AccountOf) -> JSONResponse:
    """The formats that every export knows."""
    return answer({"supported_formats": SUPPORTED_FORMATS, "default_format": "csv"})


@router.get("/statistics", summary="What was exported", response_model=StatisticsView, responses=CALLED)
async def get_statistics(account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Files that were delivered, each once however it was sent; today's by UTC. Soft-deleted batches are left out."""
    async with ports.database.connection() as connection:
        delivered = await reports.count_downloads(connection, account_id)
        sums = await reports.sum_batches(connection, account_id)
    return answer(
        {
            **_deliveries(delivered),
            "total_results_available": sums["results"],
            "successful_results_available": sums["results_succeeded"],
            "total_batches": sums["batches"],
            "total_urls_processed": sums["images_ended"],
            "total_successful_urls": sums["images_succeeded"],
            "max_export_size": ports.settings.export_rows_max,
            "supported_formats": list(FORMATS),
        }
    )


def _deliveries(delivered: list[asyncpg.Record]) -> dict[str, Any]:
    total = sum(row["files"] for row in delivered)
    size_bytes = sum(row["size_bytes"] for row in delivered)
    return {
        "total_exports": total,
        "exports_today": sum(row["files_today"] for row in delivered),
        "popular_formats": dict.fromkeys(FORMATS, 0) | {row["format"]: row["files"] for row in delivered},
        "average_export_size_mb": round(size_bytes / total / MEGABYTE, 2) if total else 0.0,
    }


@router.get(
    "/batch/{batch_id}/preview",
    summary="How a batch's export begins",
    response_model=PreviewView,
    responses={**FOUND, **errors({400: "A parameter is not as it must be", 404: "No such batch, or no results"})},
)
async def get_preview(
    batch_id: str, asked: Annotated[BatchFile, Query()], account_id: str = AccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """Its first 100 results, oldest first, by the filters of the export."""
    given = asked.model_dump()
    with in_the_doors_words():
        filters = filters_of(given)
        report_format(asked.format)
    batch = await found_batch(ports, account_id, batch_id)
    kinds = kinds_of(filters.success, filters.store_image)
    async with ports.database.connection() as connection:
        rows = await result_pages.list_first(connection, batch["job_id"], kinds, filters, PREVIEW_ROWS)
    if not rows:
        raise Refused(404, f"No results found for batch {batch['job_id']}")
    return answer(
        {
            "preview_records": [preview_view(row) for row in rows],
            "total_records_shown": len(rows),
            "is_preview": True,
            "filters_applied": applied(given, filters),
        }
    )


@router.get(
    "/batch/{batch_id}/summary",
    summary="What a batch's export would hold",
    response_model=SummaryView,
    responses=FOUND,
)
async def get_summary(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Numbers of results, and roughly how large files would be."""
    batch = await found_batch(ports, account_id, batch_id)
    succeeded, failed = batch["results_succeeded"], batch["results_failed"]
    total = succeeded + failed
    return answer(
        {
            "batch_info": {
                "batch_id": str(batch["job_id"]),
                "batch_name": batch["name"],
                "status": batch["status"],
                "created_at": written(batch["created_at"]),
            },
            "export_summary": {
                "total_results": total,
                "successful_results": succeeded,
                "failed_results": failed,
                "success_rate": round(succeeded / total * 100, 2) if total else 0.0,
            },
            "estimated_sizes_mb": {
                name: round(total * row_bytes / MEGABYTE, 2) for name, row_bytes in ROW_BYTES.items()
            },
            "available_filters": {
                "success_only": f"{succeeded} records",
                "failed_only": f"{failed} records",
                "has_store_name": "Records with store names",
                "has_contact": "Records with business contacts",
            },
        }
    )


answer_heads(router)
