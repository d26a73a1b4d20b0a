"""Reports as files that callers are sent: awaited, named, counted, in ranges if they like."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import Request
from fastapi.responses import Response

from services.gateway.api.batches.answers import CALLED, BatchError, answer
from services.gateway.api.blob_files import blob_response
from services.gateway.api.problems import Refused, Responses
from services.gateway.api.product_files import FILE_TYPES
from services.gateway.batches.filters import FilterRefused
from services.gateway.batches.reporting import TooManyBatches, TooManyReports, TooManyRows, Wanted, request_report
from services.gateway.ports import Ports
from services.gateway.store import reports

RETRY_SECONDS = "5"
PENDING = {
    "success": True,
    "data": {
        "state": "requested",
        "export_id": "01a1fc40-a233-74a1-9e9b-61c09a16c5cf",
        "url": "/api/v1/export/files/01a1fc40-a233-74a1-9e9b-61c09a16c5cf",
    },
    "message": "The file is still being written",
    "timestamp": "2026-11-21T03:57:36.691Z",
}
CSV, JSON, XLSX, ZIP = FILE_TYPES["csv"], FILE_TYPES["json"], FILE_TYPES["xlsx"], FILE_TYPES["zip"]


def files(*media_types: str, not_found: str = "No such batch") -> Responses:
    """The answers of an operation that sends such files."""
    pending = {"content": {"application/json": {"example": PENDING}}}
    return {
        **CALLED,
        200: {"content": {each: {"example": {"results": []}} if each == JSON else {} for each in media_types}}
        | {"description": "The file; Range requests are served"},
        202: {**pending, "description": "Still being written: ask again after Retry-After seconds"},
        400: {"model": BatchError, "description": "A parameter is not as it must be"},
        404: {"model": BatchError, "description": not_found},
        413: {"model": BatchError, "description": "More rows than a file may have"},
        500: {"model": BatchError, "description": "The file cannot be made"},
    }


@contextmanager
def in_the_doors_words() -> Iterator[None]:
    """What cannot be asked for becomes the door's answer."""
    try:
        yield
    except (FilterRefused, TooManyBatches) as error:
        raise Refused(400, str(error)) from None
    except TooManyRows as error:
        raise Refused(413, str(error)) from None
    except TooManyReports as error:
        raise Refused(429, str(error), {"Retry-After": RETRY_SECONDS}) from None


async def report_response(request: Request, ports: Ports, account_id: str, wanted: Wanted) -> Response:
    """The file, made unless it is there; 202 when it takes too long."""
    with in_the_doors_words():
        export_id = await request_report(ports, account_id, wanted)
    return await awaited_response(request, ports, account_id, export_id)


async def awaited_response(request: Request, ports: Ports, account_id: str, export_id: UUID) -> Response:
    """A file that was asked for; raises 413 or 500 when it cannot be made."""
    report = await ports.live.until(
        export_id, lambda: _ended(ports, account_id, export_id), ports.settings.export_wait_seconds
    )
    if report is None:
        return _pending(export_id)
    if report["state"] == "failed":
        status = 413 if report["problem"] == "too_many_rows" else 500
        raise Refused(status, f"Export failed: {report['detail'] or report['problem']}", problem=report["problem"])
    if _is_delivery(request, report["digest"]):
        async with ports.database.connection() as connection:
            await reports.insert_download(connection, report)
    media_type = ZIP if report["bundled"] else FILE_TYPES[report["format"]]
    response = await blob_response(request, ports, report["digest"], media_type, report["file_name"])
    response.headers["Content-Location"] = _url(export_id)
    return response


async def _ended(ports: Ports, account_id: str, export_id: UUID) -> asyncpg.Record | None:
    async with ports.database.connection() as connection:
        found = await reports.find_report(connection, account_id, export_id)
    return found if found is not None and found["state"] != "requested" else None


def _pending(export_id: UUID) -> Response:
    url = _url(export_id)
    data: dict[str, Any] = {"state": "requested", "export_id": str(export_id), "url": url}
    headers = {"Retry-After": RETRY_SECONDS, "Location": url}
    return answer(data, "The file is still being written", 202, headers)


def _url(export_id: UUID) -> str:
    """Where this very file stays, whatever becomes of its batches."""
    return f"/api/v1/export/files/{export_id}"


def _is_delivery(request: Request, digest: str) -> bool:
    """Whether a file goes out from its start: what goes on with one that was broken off is the same delivery."""
    asked = request.headers.get("range", "bytes=0-").replace(" ", "")
    is_known = digest in request.headers.get("if-none-match", "")
    return request.method != "HEAD" and not is_known and asked.startswith("bytes=0-")
