"""A batch is started, paused, resumed, cancelled, cloned and put away."""

from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from services.gateway.api.batches.answers import CALLED, FOUND, answer, errors, json_body, parsed_id, written
from services.gateway.api.batches.fields import flag, new_name, query_flag, refusals, shows, takes, whole
from services.gateway.api.batches.once import once
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.once import IdempotencyKey
from services.gateway.batches import cloning, control, deleting
from services.gateway.batches.cloning import Cloned
from services.gateway.ports import Ports

router = APIRouter(tags=["batches"], prefix="/api/v1/batches")

RETENTION_DAYS = 30
RETENTION_DAYS_MAX = 3650
ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
NOT_NOW = errors({400: "Its status does not allow it, or as many batches are active as may be"})
REFUSED = errors({400: "Something in the body is malformed, or its status does not allow it"})
KEYED = errors({409: "A request with this Idempotency-Key is still running", 422: "The key is another request's"})


@router.post(
    "/{batch_id}/start",
    summary="Start a pending batch",
    responses={**FOUND, **NOT_NOW, **shows({"batch_id": ID, "started": True}, f"Batch {ID} processing started")},
)
async def start(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """At most 20 batches of an account (setting) are queued or processing at the same time."""
    job_id = parsed_id(batch_id)
    with refusals():
        await control.start(ports, account_id, job_id)
    return answer({"batch_id": str(job_id), "started": True}, f"Batch {job_id} processing started")


@router.post(
    "/{batch_id}/pause",
    summary="Pause a batch",
    responses={**FOUND, **NOT_NOW, **shows({"batch_id": ID, "paused": True}, f"Batch {ID} paused")},
)
async def pause(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """No more images are let in, and those wait that no work was spent on yet. It counts as active no more."""
    job_id = parsed_id(batch_id)
    with refusals():
        await control.pause(ports, account_id, job_id)
    return answer({"batch_id": str(job_id), "paused": True}, f"Batch {job_id} paused")


@router.post(
    "/{batch_id}/resume",
    summary="Let a paused batch go on",
    responses={**FOUND, **NOT_NOW, **shows({"batch_id": ID, "resumed": True}, f"Batch {ID} resumed")},
)
async def resume(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """A batch whose last images ended while it was paused is completed now."""
    job_id = parsed_id(batch_id)
    with refusals():
        await control.resume(ports, account_id, job_id)
    return answer({"batch_id": str(job_id), "resumed": True}, f"Batch {job_id} resumed")


@router.post(
    "/{batch_id}/cancel",
    summary="Cancel a batch",
    responses={**FOUND, **NOT_NOW, **shows({"batch_id": ID, "cancelled": True}, f"Batch {ID} cancelled")},
)
async def cancel(batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Nothing more is spent on it; results that are there stay."""
    job_id = parsed_id(batch_id)
    with refusals():
        await control.cancel(ports, account_id, job_id)
    return answer({"batch_id": str(job_id), "cancelled": True}, f"Batch {job_id} cancelled")


@router.post(
    "/{batch_id}/clone",
    summary="Make a batch of another one's images",
    responses={
        **FOUND,
        **REFUSED,
        **KEYED,
        **shows(
            {
                "success": True,
                "original_batch_id": ID,
                "new_batch_id": "01a1fc40-b111-7c1e-8d2f-0242ac120002",
                "new_batch_name": "Shops, again",
                "chunks_created": 2,
                "results_copied": 1500,
                "message": "Batch cloned successfully",
            }
        ),
    },
    openapi_extra=takes(
        {"new_name": {"type": "string"}, "copy_results": {"type": "boolean", "default": False}}, ("new_name",)
    ),
)
async def clone(
    request: Request,
    batch_id: str,
    idempotency_key: IdempotencyKey = None,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """The new batch is pending. With `copy_results`, images that have ended count as done in it, and starting it runs
    only the rest."""
    job_id, body = parsed_id(batch_id), await json_body(request)
    name, copy_results = new_name(body), flag(body, "copy_results", False)

    def told(cloned: Cloned) -> JSONResponse:
        return answer(
            {
                "success": True,
                "original_batch_id": str(job_id),
                "new_batch_id": str(cloned.job_id),
                "new_batch_name": name,
                "chunks_created": cloned.chunks,
                "results_copied": cloned.results,
                "message": "Batch cloned successfully",
            }
        )

    return await once(
        ports,
        account_id,
        idempotency_key,
        {"clone": str(job_id), "name": name, "results": copy_results},
        lambda also: cloning.clone(ports, account_id, job_id, name, also, copy_results=copy_results),
        told,
    )


@router.post(
    "/{batch_id}/soft-delete",
    summary="Hide a batch, to be deleted later",
    responses={
        **FOUND,
        **REFUSED,
        **shows(
            {
                "success": True,
                "batch_id": ID,
                "retention_days": 30,
                "deletion_date": "2026-12-21T03:57:36.691Z",
                "message": "Batch soft deleted. It will be deleted for good after 30 days.",
            }
        ),
    },
    openapi_extra=takes({"retention_days": {"type": "integer", "minimum": 0, "maximum": 3650, "default": 30}}),
)
async def soft_delete(
    request: Request, batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """In any status: what runs is stopped. Lists show it only with `include_soft_deleted`; when its retention is over
    it is deleted. Whoever runs it again before (retry, force-start, reset) brings it back."""
    job_id, body = parsed_id(batch_id), await json_body(request)
    days = whole(body, "retention_days", RETENTION_DAYS, RETENTION_DAYS_MAX)
    with refusals():
        hidden = await deleting.soft_delete(ports, account_id, job_id, days)
    data: dict[str, Any] = {
        "success": True,
        "batch_id": str(job_id),
        "retention_days": days,
        "deletion_date": written(hidden.delete_at.astimezone(UTC)),
        "message": f"Batch soft deleted. It will be deleted for good after {days} days.",
    }
    return answer(data)


@router.delete(
    "/{batch_id}",
    summary="Delete a batch",
    responses={
        **CALLED,
        **FOUND,
        **errors({400: "It is active, and `force` is not true"}),
        **shows({"batch_id": ID, "deleted": True}, f"Batch {ID} deleted"),
    },
)
async def delete(
    batch_id: str,
    force: Annotated[str, Query(description="`true`: also while it is pending, queued or processing")] = "false",
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """It is gone at once, with its results and exports; what is still under way of it is stopped."""
    job_id, forced = parsed_id(batch_id), query_flag(force, "force")
    with refusals():
        await deleting.delete(ports, account_id, job_id, force=forced)
    return answer({"batch_id": str(job_id), "deleted": True}, f"Batch {job_id} deleted")
