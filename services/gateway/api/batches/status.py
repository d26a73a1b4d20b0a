"""The batches door: where a batch is, cheap at any size, with advice on when to look again."""

import asyncio
from datetime import UTC, datetime

import asyncpg
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.gateway.api.batches.analysis_models import Chunks
from services.gateway.api.batches.answers import FOUND, answer, found_batch, parsed_id, written
from services.gateway.api.batches.models import BatchStatus, Envelope, Progress
from services.gateway.api.batches.views import Json, progress_view, status_view
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.problems import Refused, Responses
from services.gateway.batches import states
from services.gateway.ports import Ports
from services.gateway.store import batches, chunks, results
from shared.db import Row

router = APIRouter(tags=["batches"], prefix="/api/v1/batches")

RECENT_ERRORS = 5
POLLED: Responses = {
    **FOUND,
    200: {
        "headers": {
            "X-Polling-Interval": {"schema": {"type": "integer"}, "description": "seconds: 5, 10, 15 or 30"},
            "X-Polling-Interval-Reason": {"schema": {"type": "string"}, "description": "e.g. batch is completed"},
        }
    },
}


@router.get("/{batch_id}/status", summary="Where a batch is", response_model=Envelope[BatchStatus], responses=POLLED)
async def batch_status(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Counts, times, speed and the latest errors. `X-Polling-Interval`: after how many seconds to look again."""
    batch, status = await found_status(ports, account_id, batch_id)
    return answer(status, headers=polling_headers(batch))


@router.get("/{batch_id}/progress", summary="How far a batch is", response_model=Envelope[Progress], responses=POLLED)
async def batch_progress(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """As much of its status as one polls for; `X-Polling-Interval` says how often."""
    batch = await found_batch(ports, account_id, batch_id)
    return answer(progress_view(batch, datetime.now(UTC)), headers=polling_headers(batch))


@router.get("/{batch_id}/chunks", summary="A batch's chunks", response_model=Envelope[Chunks], responses=FOUND)
async def batch_chunks(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """In order. A chunk is completed when all of its images have ended, also when every one of them failed."""
    batch = await found_batch(ports, account_id, batch_id)
    async with ports.database.connection() as connection:
        found = await chunks.list_chunks(connection, batch["job_id"])
    if not found:
        raise Refused(404, f"No chunks found for batch {batch_id}")
    now = datetime.now(UTC)
    views = [_chunk_view(row, now) for row in found]
    return answer({"batch_id": str(batch["job_id"]), "chunks": views, "total_chunks": len(views)})


async def found_status(ports: Ports, account_id: str, batch_id: str) -> tuple[asyncpg.Record, Json]:
    """A batch and its status; raises 404. Asked for at once, for each answer waits while the machine is busy."""
    job_id = parsed_id(batch_id)

    async def counted() -> dict[str, int]:
        async with ports.database.connection() as connection:
            return await batches.count_chunks(connection, job_id)

    async def failures() -> list[asyncpg.Record]:
        async with ports.database.connection() as connection:
            return await results.list_recent_failures(connection, job_id, RECENT_ERRORS)

    batch, chunk_counts, failed = await asyncio.gather(found_batch(ports, account_id, batch_id), counted(), failures())
    return batch, status_view(batch, chunk_counts, failed, datetime.now(UTC))


def polling_headers(batch: Row) -> dict[str, str]:
    """When to look again."""
    seconds, reason = states.polling_interval(batch)
    return {"X-Polling-Interval": str(seconds), "X-Polling-Interval-Reason": reason, "Cache-Control": "no-cache"}


def _chunk_view(chunk: Row, now: datetime) -> Json:
    ended = chunk["images_succeeded"] + chunk["images_failed"]
    started, completed = chunk["started_at"], chunk["completed_at"]
    seconds = max(0.0, ((completed or now) - started).total_seconds()) if started else None
    cancelled = chunk["images_cancelled"]
    return {
        "chunk_id": str(chunk["chunk_id"]),
        "chunk_number": chunk["number"],
        "status": chunk["status"],
        "url_count": chunk["images_total"],
        "processed_count": ended,
        "successful_count": chunk["images_succeeded"],
        "failed_count": chunk["images_failed"],
        "progress_percentage": round(100 * ended / chunk["images_total"], 2),
        "started_at": written(started),
        "completed_at": written(completed),
        "processing_time_seconds": None if seconds is None else round(seconds, 3),
        "error_message": f"cancelled: {cancelled} images were cancelled" if cancelled else None,
    }
