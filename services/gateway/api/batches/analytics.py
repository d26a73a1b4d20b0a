"""The batches door: how healthy a batch is, and what went wrong in it."""

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.gateway.api.batches.analysis_models import ErrorAnalysis, HealthScore
from services.gateway.api.batches.answers import FOUND, answer, found_batch
from services.gateway.api.batches.models import Envelope
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.batches import analytics, states
from services.gateway.ports import Ports
from services.gateway.store import batches

router = APIRouter(tags=["batches"], prefix="/api/v1/batches")


@router.get(
    "/{batch_id}/health", summary="A batch's health score", response_model=Envelope[HealthScore], responses=FOUND
)
async def batch_health(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """From 0 to 100: less for failed chunks, for taking more than a day, for a success rate below 80 %."""
    batch = await found_batch(ports, account_id, batch_id)
    async with ports.database.connection() as connection:
        chunks = await batches.count_chunks(connection, batch["job_id"])
        problems = await batches.list_problems(connection, batch["job_id"])
    now = datetime.now(UTC)
    health = analytics.health_of(batch, chunks["failed"], problems, now)
    metrics = {
        "total_chunks": chunks["total"],
        "completed_chunks": chunks["completed"],
        "failed_chunks": chunks["failed"],
        "total_urls": batch["images_total"],
        "processed_urls": states.processed(batch),
        "successful_urls": batch["images_succeeded"],
        "success_rate": round(states.success_percentage(batch) / 100, 4),
        "completion_rate": round(states.progress_percentage(batch) / 100, 4),
    }
    return answer(
        {
            "success": True,
            "batch_id": str(batch["job_id"]),
            "health_score": health.score,
            "status": batch["status"],
            "metrics": metrics,
            "factors": health.factors,
            "issues": health.issues,
            "recommendations": health.recommendations,
            "age_hours": round(analytics.age_hours(batch, now), 1),
        }
    )


@router.get("/{batch_id}/analyze", summary="A batch's errors", response_model=Envelope[ErrorAnalysis], responses=FOUND)
async def batch_errors(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Every problem that images have failed with, how often, whom to ask about it, and what to do."""
    batch = await found_batch(ports, account_id, batch_id)
    async with ports.database.connection() as connection:
        chunks = await batches.count_chunks(connection, batch["job_id"])
        problems = await batches.list_problems(connection, batch["job_id"])
    total = sum(problems.values())
    shares = analytics.percentages(list(problems.values()))
    top = [
        {
            "error_type": problem,
            "count": number,
            "percentage": share,
            "category": analytics.category_of(problem),
        }
        for (problem, number), share in zip(problems.items(), shares, strict=True)
    ]
    return answer(
        {
            "success": True,
            "batch_id": str(batch["job_id"]),
            "total_errors": total,
            "error_categories": analytics.categories(problems),
            "top_errors": top,
            "total_failed_urls": total,
            "total_failed_chunks": chunks["failed"],
            "url_error_patterns": problems,
            "chunk_error_patterns": {"cancelled": chunks["failed"]} if chunks["failed"] else {},
            "recommendations": analytics.recommendations(batch, problems),
        }
    )
