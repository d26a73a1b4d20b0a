"""Health: whether the gateway can serve, in the shapes that callers know."""

from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from services.gateway.api.callers import PortsOf
from services.gateway.ports import Ports
from services.gateway.store import service_reports
from shared.health import Checks

router = APIRouter(tags=["health"])


class HealthView(BaseModel):
    """Whether the gateway can serve, and what it has of what it needs."""

    status: Literal["healthy", "degraded", "unhealthy"] = Field(examples=["healthy"])
    database: bool
    broker: bool
    consumers: bool


class HealthData(BaseModel):
    """The same in the words of the batches and books doors."""

    status: Literal["healthy", "degraded"] = Field(examples=["healthy"])
    version: str
    database: str = Field(examples=["connected"])
    broker: str = Field(examples=["connected"])
    redis: str = Field(examples=["not used"])
    config: dict[str, int] = Field(
        examples=[
            {
                "chunk_size": 2000,
                "max_concurrent_batches": 20,
                "max_concurrent_workers": 2,
                "api_keys_count": 0,
                "upload_bytes_max": 200_000_000,
            }
        ]
    )


class HealthEnvelope(BaseModel):
    """How the batches and books doors wrap it."""

    success: bool
    status_code: int = Field(examples=[1000])
    message: str = Field(examples=["Service is healthy"])
    data: HealthData
    error: None
    timestamp: str = Field(examples=["2026-11-21T03:57:36.691Z"])


@router.get(
    "/health",
    summary="Can the gateway serve?",
    response_model=HealthView,
    responses={503: {"model": HealthView, "description": "The database is away"}},
)
async def health(response: Response, ports: Ports = PortsOf) -> dict[str, Any]:
    """200 when database and broker are there. Without the broker the gateway still accepts work: 200, `degraded`."""
    found = await Checks(ports.database, ports.bus)()
    response.status_code = 200 if found["database"] else 503
    status = "healthy" if all(found.values()) else "degraded" if found["database"] else "unhealthy"
    return {"status": status, **found}


@router.get("/health/live", include_in_schema=False)
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/health/ready", include_in_schema=False)
async def ready(response: Response, ports: Ports = PortsOf) -> dict[str, Any]:
    """Everything that the gateway needs is there."""
    found = await Checks(ports.database, ports.bus)()
    response.status_code = 200 if all(found.values()) else 503
    return {"ready": all(found.values()), **found}


@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Figures for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/api/v1/health",
    summary="Health, in the shapes of the batches and books doors",
    response_model=HealthEnvelope,
    responses={503: {"model": HealthEnvelope, "description": "The database is away"}},
)
async def health_v1(response: Response, ports: Ports = PortsOf) -> dict[str, Any]:
    """One body with the keys of both doors."""
    found = await Checks(ports.database, ports.bus)()
    response.status_code = 200 if found["database"] else 503
    states = {True: "connected", False: "disconnected"}
    return {
        "success": found["database"],
        "status_code": 1000,
        "message": "Service is healthy" if found["database"] else "Service is unavailable",
        "data": {
            "status": "healthy" if all(found.values()) else "degraded",
            "version": Checks.version,
            "database": states[found["database"]],
            "broker": states[found["broker"]],
            "redis": "not used",
            "config": await _config(ports) if found["database"] else {},
        },
        "error": None,
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }


async def _config(ports: Ports) -> dict[str, int]:
    """What people size their batches by; of the enhancer what it last reported."""
    async with ports.database.connection() as connection:
        workers = await service_reports.find_setting(connection, "enhancer", "enhance_workers")
        keys = await service_reports.find_setting(connection, "enhancer", "api_keys_count")
    return {
        "chunk_size": ports.settings.chunk_size,
        "max_concurrent_batches": ports.settings.batches_active_max,
        "max_concurrent_workers": int(workers or 0),
        "api_keys_count": int(keys or 0),
        "upload_bytes_max": ports.settings.upload_bytes_max,
    }
