"""The batches door's web form."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from services.gateway.api.batches.batch_forms import BatchForm, csv_of, order_of
from services.gateway.api.batches.creation import REFUSALS, created_once
from services.gateway.api.batches.models import Uploaded
from services.gateway.api.batches.views import created_view
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.envelopes import timestamp
from services.gateway.api.once import IdempotencyKey
from services.gateway.api.problems import Refused, Responses
from services.gateway.api.upload_forms import form_of, read_form
from services.gateway.batches.creating import Created
from services.gateway.idempotency import Answered
from services.gateway.ports import Ports

router = APIRouter(tags=["batches"])

OPERATION = "batch form"
SEEN: Responses = {303: {"description": "For a browser: the new batch's page", "headers": {"Location": {}}}}


@router.post(
    "/upload",
    summary="Create a batch from the web form",
    response_model=Uploaded,
    responses={**REFUSALS, **SEEN},
    openapi_extra=form_of(BatchForm),
)
async def upload_form(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = AccountOf, ports: Ports = PortsOf
) -> Response:
    """As `POST /api/v1/batches`, for files named .csv only. A browser is led to the batch, a script is answered."""
    async with read_form(request) as form:
        file = csv_of(form, missing="No file provided")
        if not (file.filename or "").lower().endswith(".csv"):
            raise Refused(400, "Only CSV files are supported")
        order = order_of(form, file, account_id, ports)
        answered = await created_once(ports, form, order, OPERATION, idempotency_key, _told)
    if wants_a_page(request):
        return RedirectResponse(answered.body["redirect_url"], 303)
    return JSONResponse(answered.body, answered.status)


def wants_a_page(request: Request) -> bool:
    """Whether it is a browser that sent a form of its own, and not a script."""
    return "text/html" in request.headers.get("accept", "")


def _told(created: Created) -> Answered:
    body = {
        "success": True,
        "batch_id": str(created.job_id),
        "batch_info": created_view(created),
        "redirect_url": f"/batch/{created.job_id}",
        "timestamp": timestamp(),
    }
    return Answered(200, body)
