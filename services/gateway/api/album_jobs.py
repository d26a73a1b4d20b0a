"""The albums door: its jobs, each an image's enhancement, and the batches that were asked for together."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.gateway.album_jobs import Named, find_named
from services.gateway.api.album_bodies import read_object
from services.gateway.api.album_errors import KEYED, errors, not_found
from services.gateway.api.album_job_views import (
    BatchView,
    JobCancelled,
    JobDeleted,
    JobStatuses,
    JobView,
    named_view,
    status_view,
)
from services.gateway.api.bodies import described
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.api.enhance_bodies import JobIds, read_job_ids
from services.gateway.api.problems import Refused, Responses
from services.gateway.cancelling import NothingToCancel, cancel_images
from services.gateway.ports import Ports
from services.gateway.store.album_jobs import hide_images

router = APIRouter(tags=["enhancements"], prefix="/api/jobs")

UNKNOWN: Responses = {**KEYED, **errors({404: "No such job of the caller's"})}


async def named_job(ports: Ports, account_id: str, text: str) -> Named:
    """What an id names; raises the door's 404 when that is nothing of the account's."""
    async with ports.database.connection() as connection:
        found = await find_named(connection, account_id, [text])
    if text not in found:
        raise not_found("Job")
    return found[text]


@router.post(
    "/batch-status",
    summary="Where several jobs are",
    response_model=JobStatuses,
    responses={**KEYED, **errors({400: "The body is not as it must be"})},
    openapi_extra=described(JobIds),
)
async def get_statuses(request: Request, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Ids of jobs or of batches, at most 50; those that are unknown are left out."""
    asked = read_job_ids(await read_object(request))
    async with ports.database.connection() as connection:
        found = await find_named(connection, account_id, asked)
    return JSONResponse({"jobs": [status_view(each, found[each]) for each in asked if each in found]})


@router.get("/{job_id}", summary="A job, or a batch of them", response_model=JobView | BatchView, responses=UNKNOWN)
async def get_job(job_id: str, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """By the id of one image's job, or by the id of a batch: then with all its jobs, in their order."""
    return JSONResponse(named_view(await named_job(ports, account_id, job_id), ports.settings.public_url))


@router.delete(
    "/{job_id}",
    summary="Delete a job",
    response_model=JobDeleted,
    responses={**UNKNOWN, **errors({400: "It has not ended"})},
)
async def delete_job(job_id: str, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """A job that has ended, or a batch of such. It is unknown from now on, its picture too, and its image counts as not
    enhanced by it; what was paid stays on the statement."""
    named = await named_job(ports, account_id, job_id)
    if not named.has_ended:
        message = f"Cannot delete job with status: {named.status}. "
        raise Refused(400, message + "Only COMPLETED, FAILED, CANCELLED, or REFUNDED jobs can be deleted.")
    async with ports.database.transaction() as connection:
        if not await hide_images(connection, named.image_ids):
            raise not_found("Job")
    return JSONResponse({"success": True, "message": "Job deleted successfully"})


@router.post(
    "/{job_id}/cancel",
    summary="Cancel a job",
    response_model=JobCancelled,
    responses={**UNKNOWN, **errors({400: "It has ended"})},
)
async def cancel_job(job_id: str, account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """For good, and its tokens are given back, once. Of a batch: all of its jobs that have not ended."""
    named = await named_job(ports, account_id, job_id)
    try:
        cancelled = await cancel_images(ports, account_id, named.job_id, named.image_ids)
    except NothingToCancel:
        named = await named_job(ports, account_id, job_id)
        raise Refused(400, f"Cannot cancel job with status: {named.status}") from None
    view = named_view(await named_job(ports, account_id, job_id), ports.settings.public_url)
    return JSONResponse(
        {
            "success": True,
            "job": view,
            "tokensRefunded": cancelled.refunded,
            "newBalance": cancelled.available,
        }
    )
