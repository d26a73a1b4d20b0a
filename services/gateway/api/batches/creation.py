"""The batches door: a CSV of URLs becomes a batch."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from services.gateway import idempotency
from services.gateway.api.batches.answers import CALLED, errors
from services.gateway.api.batches.batch_forms import FIELDS, BatchForm, csv_of, order_of
from services.gateway.api.batches.models import Creation
from services.gateway.api.batches.views import created_view
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.envelopes import timestamp
from services.gateway.api.once import IdempotencyKey
from services.gateway.api.problems import Refused, Responses
from services.gateway.api.upload_forms import form_of, read_form
from services.gateway.batches.creating import Created, Order, Tell, TooManyChunks, create
from services.gateway.csv_records import InvalidCsv
from services.gateway.idempotency import Answered, Keyed
from services.gateway.ports import Ports

router = APIRouter(tags=["batches"], prefix="/api/v1")

OPERATION = "batch"
STARTED = "Batch created and processing started"
CREATED = "Batch created successfully"
REFUSALS: Responses = {
    **CALLED,
    **errors({400: "No file, no URLs in it, or a field that is not as it must be; nothing is kept"}),
    **errors({409: "The Idempotency-Key's first request still runs", 422: "The Idempotency-Key stands for another"}),
    **errors({413: "The file is too large"}),
}


@router.post(
    "/batches",
    summary="Create a batch from a CSV of URLs",
    status_code=201,
    response_model=Creation,
    responses=REFUSALS,
    openapi_extra=form_of(BatchForm),
)
async def create_batch(
    request: Request, idempotency_key: IdempotencyKey = None, account_id: str = AccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """All of the file, or nothing. Rows without a URL and repeats of one are left out; it starts at once, unless
    `auto_start` says otherwise or as many batches as allowed are active: then it waits to be started."""
    async with read_form(request) as form:
        file = csv_of(form)
        order = order_of(form, file, account_id, ports)
        answered = await created_once(ports, form, order, OPERATION, idempotency_key, _told)
    return JSONResponse(answered.body, answered.status)


def _told(created: Created) -> Answered:
    body = {
        "success": True,
        "data": {"batch_id": str(created.job_id), "batch_info": created_view(created)},
        "message": STARTED if created.started else CREATED,
        "timestamp": timestamp(),
    }
    return Answered(201, body)


async def created_once(
    ports: Ports, form: FormData, order: Order, operation: str, key: str | None, tell: Tell
) -> Answered:
    """Create a batch; the same form under the same key is answered as at first. Raises 400, KeyReused, StillRunning."""
    keyed: Keyed | None = None
    if key:
        fields = {name: str(form[name]) for name in FIELDS if name in form}
        same = await asyncio.to_thread(idempotency.fingerprint, fields, order.file)
        keyed = Keyed(order.account_id, operation, key, same)
    try:
        return await create(ports, order, keyed, tell)
    except InvalidCsv as error:
        raise Refused(400, error.detail) from None
    except TooManyChunks as error:
        raise Refused(400, str(error)) from None
