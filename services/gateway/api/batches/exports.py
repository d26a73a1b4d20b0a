"""The batches door: results as files."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from services.gateway.api.batches.answers import found_batch, json_body
from services.gateway.api.batches.heads import answer_heads
from services.gateway.api.batches.report_files import (
    CSV,
    JSON,
    XLSX,
    ZIP,
    awaited_response,
    files,
    in_the_doors_words,
    report_response,
)
from services.gateway.api.bodies import described
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.ids import id_of
from services.gateway.api.problems import Refused
from services.gateway.batches.filters import filters_of, is_true, quoted, report_format
from services.gateway.batches.reporting import SECTIONS_MAX, Wanted
from services.gateway.ports import Ports
from services.gateway.store import reports

router = APIRouter(tags=["batch exports"], prefix="/api/v1/export")

BUNDLED_MAX = 10


class ResultFilters(BaseModel):
    """Which results of a batch; a switch is on by the word true."""

    success_only: str = Field("false", description="true: only those that succeeded, whatever failed_only says")
    failed_only: str = Field("false", description="true: only those that failed")
    start_date: str | None = Field(None, description="recorded then or later; ISO, UTC without a zone")
    end_date: str | None = Field(None, description="recorded then or before; a date alone is the whole day")
    has_store_name: str = Field("false", description="true: only those with a store name")
    has_contact: str = Field("false", description="true: only those with a business contact")


class BatchFile(ResultFilters):
    """As which file."""

    format: str = Field("csv", description="csv, json or xlsx")
    metadata: str = Field("true", description="true: with the batch's own data")


class Bundle(BaseModel):
    """Batches, each as a file in a ZIP."""

    batch_ids: list[str] = Field(min_length=1, max_length=BUNDLED_MAX)
    format: str = "csv"
    metadata: bool = True


class BodyFilters(BaseModel):
    """Which results of which batches; no batch_ids: of all."""

    batch_ids: list[str] = []
    start_date: str | None = None
    end_date: str | None = None
    success_only: bool = False
    failed_only: bool = False
    has_store_name: bool = False
    has_contact: bool = False
    store_name_filter: str | None = Field(None, description="in the store's name, in any case")


class Filtered(BaseModel):
    """Results, as one file."""

    filters: BodyFilters = BodyFilters()
    format: str = "csv"
    limit: int | None = Field(None, ge=1, description="rows")
    metadata: bool = True


async def batch_file(request: Request, ports: Ports, account_id: str, batch_id: str, asked: BatchFile) -> Response:
    """One batch's results as a file; raises 400, 404, 413."""
    with in_the_doors_words():
        file_format, filters = report_format(asked.format), filters_of(asked.model_dump())
    batch = await found_batch(ports, account_id, batch_id)
    wanted = Wanted(
        title=batch["name"],
        format=file_format,
        job_ids=[batch["job_id"]],
        filters=filters,
        metadata=is_true(asked.metadata),
    )
    return await report_response(request, ports, account_id, wanted)


@router.get(
    "/batch/{batch_id}",
    summary="A batch's results as a file",
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
    """Oldest first. The file is made at the first call and kept until the batch has new results."""
    return await batch_file(request, ports, account_id, batch_id, asked)


@router.post(
    "/batches/multiple",
    summary="Several batches' results, each as a file in a ZIP",
    response_class=Response,
    responses=files(ZIP, not_found="Never said here: an id without a batch is told of in the ZIP"),
    openapi_extra=described(Bundle),
)
async def export_batches(request: Request, account_id: str = AccountOf, ports: Ports = PortsOf) -> Response:
    """At most 10 batches. An id that leads to none becomes `ERROR_{id}.txt`; `export_summary.txt` tells of all."""
    body = await json_body(request)
    ids = _bundled_ids(body)
    with in_the_doors_words():
        file_format = report_format(body.get("format"))
    known = await _known_ids(ports, account_id, ids)
    wanted = Wanted(
        title="multi_batch_export",
        format=file_format,
        job_ids=[job_id for each in ids if (job_id := id_of(each)) in known],
        metadata=_metadata(body),
        bundled=True,
        missing=tuple(quoted(each) for each in ids if id_of(each) not in known),
    )
    return await report_response(request, ports, account_id, wanted)


def _bundled_ids(body: dict[str, Any]) -> list[str]:
    """The batches of a bundle, each once."""
    if "batch_ids" not in body:
        raise Refused(400, "batch_ids array is required")
    ids = body["batch_ids"]
    if not isinstance(ids, list) or not ids:
        raise Refused(400, "batch_ids must be a non-empty array")
    if not all(isinstance(each, str) for each in ids):
        raise Refused(400, "batch_ids must be an array of texts")
    if len(ids) > BUNDLED_MAX:
        raise Refused(400, f"Maximum {BUNDLED_MAX} batches can be exported together")
    return list(dict.fromkeys(each.lower() if id_of(each) else each for each in ids))


async def _known_ids(ports: Ports, account_id: str, ids: list[str]) -> set[UUID]:
    wanted = [job_id for each in ids if (job_id := id_of(each))]
    async with ports.database.connection() as connection:
        found = await reports.list_sections(connection, account_id, wanted, len(wanted))
    return {row["job_id"] for row in found}


def _metadata(body: dict[str, Any]) -> bool:
    found = body.get("metadata", True)
    if not isinstance(found, bool):
        raise Refused(400, "metadata must be true or false")
    return found


@router.post(
    "/filtered",
    summary="Results of many batches, filtered, as one file",
    response_class=Response,
    responses=files(CSV, JSON, XLSX, not_found="Never said here: an id without a batch matches nothing"),
    openapi_extra=described(Filtered),
)
async def export_filtered(request: Request, account_id: str = AccountOf, ports: Ports = PortsOf) -> Response:
    """Oldest batch first. Of all batches but soft-deleted ones unless `batch_ids` names some."""
    body = await json_body(request, needed=True)
    given = body.get("filters") or {}
    if not isinstance(given, dict):
        raise Refused(400, "filters must be an object")
    job_ids = _filtered_ids(given)
    with in_the_doors_words():
        wanted = Wanted(
            title="filtered_results",
            format=report_format(body.get("format")),
            job_ids=job_ids,
            filters=filters_of(given),
            limit=_limit(body, ports.settings.export_rows_max),
            metadata=_metadata(body),
        )
    return await report_response(request, ports, account_id, wanted)


def _filtered_ids(given: dict[str, Any]) -> list[UUID] | None:
    ids = given.get("batch_ids")
    if ids is None or ids == []:
        return None
    if not isinstance(ids, list):
        raise Refused(400, "batch_ids must be an array")
    if len(ids) > SECTIONS_MAX:
        raise Refused(400, f"batch_ids must name at most {SECTIONS_MAX} batches")
    return [job_id for each in ids if (job_id := id_of(each))]


def _limit(body: dict[str, Any], rows_max: int) -> int | None:
    found = body.get("limit")
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise Refused(400, "limit must be a positive number")
    return min(found, rows_max)


@router.get(
    "/files/{export_id}",
    summary="A file that was asked for before",
    response_class=Response,
    responses=files(CSV, JSON, XLSX, ZIP, not_found="No such export"),
)
async def get_file(export_id: str, request: Request, account_id: str = AccountOf, ports: Ports = PortsOf) -> Response:
    """By the id that an answer with 202 gave. It is as it was then, whatever became of its batches."""
    wanted = id_of(export_id)
    if wanted is not None:
        async with ports.database.connection() as connection:
            wanted = wanted if await reports.find_report(connection, account_id, wanted) else None
    if wanted is None:
        raise Refused(404, f"Export {quoted(export_id)} not found")
    return await awaited_response(request, ports, account_id, wanted)


answer_heads(router)
