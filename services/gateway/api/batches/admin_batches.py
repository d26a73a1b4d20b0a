"""Operators steer batches of all accounts, and clean up after those that hang."""

from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.gateway.api.batches.acting import AGAIN, act
from services.gateway.api.batches.answers import FOUND, answer, errors, json_body, not_found, parsed_id
from services.gateway.api.batches.fields import flag, refusals, shows, takes, texts, whole
from services.gateway.api.callers import OperatorOf, PortsOf
from services.gateway.api.envelopes import timestamp
from services.gateway.api.ids import id_of
from services.gateway.api.problems import Refused
from services.gateway.batches import cleaning, control, restarting
from services.gateway.batches.control import NoSuchBatch, NotNow
from services.gateway.keys import Caller
from services.gateway.ports import Ports
from services.gateway.store import batch_control

router = APIRouter(tags=["operations"], prefix="/admin")

JOB_TYPES = ("process_chunk", "chunk_processing")
JOB_TYPES_MAX = 100
AGE_HOURS = 24
AGE_HOURS_MAX = 87_600
ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
Action = Literal["start", "pause", "resume", "cancel", "retry"]
ALLOWED = {**FOUND, **errors({403: "It is not an admin key"})}
NOT_NOW = errors({400: "Its status does not allow it, or the body is malformed"})


@router.post(
    "/batch/{batch_id}/reset",
    summary="Make a batch pending as at its beginning",
    responses={
        **ALLOWED,
        **NOT_NOW,
        **shows({"success": True, "message": f"Batch {ID} reset", "reset_chunks": 2, "batch_status": "pending"}),
    },
    openapi_extra=takes({"force": {"type": "boolean", "default": False}}),
)
async def reset(request: Request, batch_id: str, _: Caller = OperatorOf, ports: Ports = PortsOf) -> JSONResponse:
    """All of it runs again when it is started; results stay until they are replaced. One that is not pending, queued or
    processing only with `force`: else `success` is false."""
    job_id = parsed_id(batch_id)
    force = flag(await json_body(request), "force", False)
    account_id = await _account_of(ports, job_id)
    try:
        done = await restarting.reset(ports, account_id, job_id, force=force)
    except NoSuchBatch as error:
        raise Refused(404, str(error)) from None
    except NotNow as error:
        data: dict[str, Any] = {"success": False, "message": str(error)}
        return JSONResponse({"success": False, "data": data, "error": str(error), "timestamp": timestamp()})
    return answer(
        {
            "success": True,
            "message": f"Batch {job_id} reset",
            "reset_chunks": done.chunks,
            "batch_status": "pending",
        }
    )


@router.post(
    "/batch/{batch_id}/{action}",
    summary="Steer a batch of any account",
    responses={**ALLOWED, **NOT_NOW, **AGAIN, **shows({"batch_id": ID, "paused": True}, f"Batch {ID} paused")},
)
async def steer(batch_id: str, action: Action, _: Caller = OperatorOf, ports: Ports = PortsOf) -> JSONResponse:
    """As its owner may; `retry` runs what has not succeeded again, and answers 202."""
    job_id = parsed_id(batch_id)
    return await act(ports, await _account_of(ports, job_id), job_id, action)


@router.post(
    "/job/{part_id}/retry",
    summary="Run a job of the queue again",
    responses={**ALLOWED, **NOT_NOW, **shows({"job_id": ID, "batch_id": ID, "status": "retry_enqueued"})},
)
async def retry_part(part_id: str, _: Caller = OperatorOf, ports: Ports = PortsOf) -> JSONResponse:
    """By the id of a batch or of a chunk, as `stuck_jobs` names them: whatever has not succeeded of the batch runs
    again, and what hangs is dropped."""
    account_id, job_id = await _found_part(ports, part_id)
    with refusals():
        done = await restarting.force_start(ports, account_id, job_id, skip_validation=True)
    data = {"job_id": part_id.lower(), "batch_id": str(job_id), "status": "retry_enqueued", "reset_chunks": done.chunks}
    return answer(data)


@router.delete(
    "/job/{part_id}",
    summary="Take a job out of the queue",
    responses={**ALLOWED, **NOT_NOW, **shows({"job_id": ID, "batch_id": ID, "deleted": True, "status": "cancelled"})},
)
async def cancel_part(part_id: str, _: Caller = OperatorOf, ports: Ports = PortsOf) -> JSONResponse:
    """By the id of a batch or of a chunk: the batch is cancelled; its results stay."""
    account_id, job_id = await _found_part(ports, part_id)
    with refusals():
        await control.cancel(ports, account_id, job_id)
    return answer({"job_id": part_id.lower(), "batch_id": str(job_id), "deleted": True, "status": "cancelled"})


@router.post(
    "/queue/cleanup",
    summary="Cancel batches that hang",
    responses={
        **errors({400: "Something in the body is malformed", 401: "An API key is needed", 403: "It is no admin key"}),
        **shows(
            {
                "redis_removed_count": 3,
                "db_reset_count": 1,
                "kept_count": 2,
                "removed_types": {"process_chunk": 3},
                "cutoff_hours": 24,
                "clean_database": True,
            }
        ),
    },
    openapi_extra=takes(
        {
            "job_types": {"type": "array", "items": {"type": "string"}, "default": list(JOB_TYPES)},
            "max_age_hours": {"type": "integer", "minimum": 0, "default": AGE_HOURS},
            "clean_database": {"type": "boolean", "default": True},
        }
    ),
)
async def clean_up(request: Request, _: Caller = OperatorOf, ports: Ports = PortsOf) -> JSONResponse:
    """Pending, queued and processing batches of all accounts in which nothing has happened for longer than the limit
    are cancelled, their open chunks have failed. Whatever progresses is left alone. Chunks are counted, and batches
    (`db_reset_count`)."""
    body = await json_body(request)
    types = texts({"job_types": list(JOB_TYPES), **body}, "job_types", JOB_TYPES_MAX)
    hours = whole(body, "max_age_hours", AGE_HOURS, AGE_HOURS_MAX)
    cleans = flag(body, "clean_database", True)
    cleaned = cleaning.Cleaned(0, 0, 0)
    if cleans and set(types) & set(JOB_TYPES):
        cleaned = await cleaning.clean_up(ports, timedelta(hours=hours))
    return answer(
        {
            "redis_removed_count": cleaned.chunks,
            "db_reset_count": cleaned.batches,
            "kept_count": cleaned.kept,
            "removed_types": {JOB_TYPES[0]: cleaned.chunks} if cleaned.chunks else {},
            "cutoff_hours": hours,
            "clean_database": cleans,
        }
    )


async def _account_of(ports: Ports, job_id: UUID) -> str:
    async with ports.database.connection() as connection:
        account_id = await batch_control.find_account(connection, job_id)
    if account_id is None:
        raise not_found(str(job_id))
    return account_id


async def _found_part(ports: Ports, part_id: str) -> tuple[str, UUID]:
    known = id_of(part_id)
    if known is not None:
        async with ports.database.connection() as connection:
            found = await batch_control.find_by_part(connection, known)
        if found is not None:
            return found["account_id"], found["job_id"]
    raise Refused(404, f"Job {part_id[:100]} not found")
