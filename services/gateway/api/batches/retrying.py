"""What did not succeed runs again: one image, all that failed, or whatever is left, cancelled or hanging."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from services.gateway.api.batches.answers import FOUND, answer, errors, json_body, parsed_id
from services.gateway.api.batches.fields import flag, shows, takes
from services.gateway.api.batches.once import once
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.ids import id_of
from services.gateway.api.once import IdempotencyKey
from services.gateway.api.problems import Refused
from services.gateway.batches import restarting
from services.gateway.batches.restarting import Restarted
from services.gateway.ports import Ports

router = APIRouter(tags=["batches"], prefix="/api/v1")

ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
NOT_NOW = errors(
    {
        400: "Nothing failed, it has not ended, or as many batches are active as may be",
        409: "A request with this Idempotency-Key is still running",
        422: "The Idempotency-Key is another request's",
    }
)


@router.post(
    "/batches/{batch_id}/retry",
    summary="Run the failed images of a batch again",
    responses={
        **FOUND,
        **NOT_NOW,
        **shows({"batch_id": ID, "retried": 12, "run": 2}, f"Batch {ID}: 12 failed images run again"),
    },
)
async def retry(
    batch_id: str,
    only: Annotated[Literal["failed"], Query(description="which images; the others keep their results")] = "failed",
    idempotency_key: IdempotencyKey = None,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Of a batch that has ended. Each image's newest result replaces the one before."""
    job_id = parsed_id(batch_id)

    def told(done: Restarted) -> JSONResponse:
        data = {"batch_id": str(job_id), "retried": done.images, "run": done.run}
        return answer(data, f"Batch {job_id}: {done.images} {only} images run again")

    return await once(
        ports,
        account_id,
        idempotency_key,
        {"retry": str(job_id)},
        lambda also: restarting.retry_failed(ports, account_id, job_id, also),
        told,
    )


@router.post(
    "/results/{result_id}/retry",
    summary="Run one failed image again",
    responses={
        **FOUND,
        **NOT_NOW,
        **shows({"result_id": ID, "batch_id": ID, "retried": 1, "run": 2}, f"Result {ID} is worked on again"),
    },
)
async def retry_result(
    result_id: str,
    idempotency_key: IdempotencyKey = None,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Of a batch that has ended; the others keep their results."""
    image_id = id_of(result_id)
    if image_id is None:
        raise Refused(404, f"Result {result_id[:100]} not found")

    def told(done: Restarted) -> JSONResponse:
        data = {"result_id": str(image_id), "batch_id": str(done.job_id), "retried": done.images, "run": done.run}
        return answer(data, f"Result {image_id} is worked on again")

    return await once(
        ports,
        account_id,
        idempotency_key,
        {"retry result": str(image_id)},
        lambda also: restarting.retry_image(ports, account_id, image_id, also),
        told,
    )


@router.post(
    "/batches/{batch_id}/force-start",
    summary="Run whatever has not succeeded of a batch",
    responses={
        **FOUND,
        **NOT_NOW,
        **shows(
            {
                "success": True,
                "batch_id": ID,
                "original_status": "paused",
                "new_status": "PROCESSING",
                "chunks_reset": 2,
                "message": "Batch force started: 2 chunks reset",
            }
        ),
    },
    openapi_extra=takes({"skip_validation": {"type": "boolean", "default": False}}),
)
async def force_start(
    request: Request,
    batch_id: str,
    idempotency_key: IdempotencyKey = None,
    account_id: str = AccountOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """In any status: a pending batch is started, a paused one goes on, cancelled and failed images and those that hang
    run again. A completed batch only with `skip_validation`."""
    job_id = parsed_id(batch_id)
    skips = flag(await json_body(request), "skip_validation", False)

    def told(done: Restarted) -> JSONResponse:
        return answer(
            {
                "success": True,
                "batch_id": str(job_id),
                "original_status": done.status,
                "new_status": "PROCESSING",
                "chunks_reset": done.chunks,
                "message": f"Batch force started: {done.chunks} chunks reset",
            }
        )

    return await once(
        ports,
        account_id,
        idempotency_key,
        {"force-start": str(job_id), "skip": skips},
        lambda also: restarting.force_start(ports, account_id, job_id, also, skip_validation=skips),
        told,
    )
