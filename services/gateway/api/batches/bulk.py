"""What the dashboard's buttons do: one action on one batch, or on many of them."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.gateway.api.batches.acting import ACTIONS, AGAIN, act
from services.gateway.api.batches.answers import CALLED, FOUND, errors, json_body, parsed_id
from services.gateway.api.batches.fields import shows, takes, texts
from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.envelopes import timestamp
from services.gateway.api.problems import Refused
from services.gateway.batches.control import NoSuchBatch, NotNow, TooManyActive
from services.gateway.ports import Ports

router = APIRouter(tags=["batches"], prefix="/batch")

BATCHES_MAX = 100
ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
Action = Literal["pause", "resume", "cancel", "retry"]
EXAMPLE = {
    "success": True,
    "results": [{"batch_id": ID, "success": True}, {"batch_id": "17", "success": False, "error": "Batch 17 not found"}],
    "summary": "1/2 batches paused",
    "timestamp": "2026-11-21T03:57:36.691Z",
}


@router.post(
    "/bulk/{action}",
    summary="Do one thing with many batches",
    responses={
        **FOUND,
        **errors({400: "There is no such action, or the list is malformed"}),
        200: {"content": {"application/json": {"example": EXAMPLE}}},
    },
    openapi_extra=takes({"batch_ids": {"type": "array", "items": {"type": "string"}, "maxItems": 100}}, ("batch_ids",)),
)
async def act_on_many(
    request: Request, action: str, account_id: str = AccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """`pause`, `resume`, `cancel`, `retry`, `start` or `delete`, at most 100 batches; each is told by itself."""
    if action not in ACTIONS:
        raise Refused(400, f"Unknown action: {action[:100]}")
    ids = texts(await json_body(request), "batch_ids", BATCHES_MAX)
    results = [await _result(ports, account_id, batch_id, action) for batch_id in ids]
    done = sum(result["success"] for result in results)
    summary = f"{done}/{len(ids)} batches {ACTIONS[action][1]}"
    return JSONResponse({"success": True, "results": results, "summary": summary, "timestamp": timestamp()})


async def _result(ports: Ports, account_id: str, batch_id: str, action: str) -> dict[str, Any]:
    try:
        await ACTIONS[action][0](ports, account_id, parsed_id(batch_id))
    except (NoSuchBatch, NotNow, TooManyActive, Refused) as error:
        written = batch_id.encode("utf-8", "replace").decode()
        return {"batch_id": written[:100], "success": False, "error": str(error).encode("utf-8", "replace").decode()}
    return {"batch_id": batch_id.lower(), "success": True}


@router.post(
    "/{action}/{batch_id}",
    summary="Do one thing with a batch",
    responses={
        **CALLED,
        **FOUND,
        **AGAIN,
        **errors({400: "Its status does not allow it, or as many batches are active as may be"}),
        **shows({"batch_id": ID, "paused": True}, f"Batch {ID} paused"),
    },
)
async def act_on_one(
    action: Action, batch_id: str, account_id: str = AccountOf, ports: Ports = PortsOf
) -> JSONResponse:
    """`retry` runs what has not succeeded again, and answers 202."""
    return await act(ports, account_id, parsed_id(batch_id), action)
