"""What can be done with a batch by the name of it: one vocabulary for bulk actions, the pages and operators."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi.responses import JSONResponse

from services.gateway.api.batches.answers import answer
from services.gateway.api.batches.fields import refusals
from services.gateway.api.problems import Responses
from services.gateway.batches import control, deleting, restarting
from services.gateway.ports import Ports

Act = Callable[[Ports, str, UUID], Awaitable[object]]

ACTIONS: dict[str, tuple[Act, str]] = {
    "start": (control.start, "started"),
    "pause": (control.pause, "paused"),
    "resume": (control.resume, "resumed"),
    "cancel": (control.cancel, "cancelled"),
    "retry": (restarting.retry, "retried"),
    "delete": (lambda ports, account_id, job_id: deleting.delete(ports, account_id, job_id, force=False), "deleted"),
}
"""What is done, and how that is told."""

AGAIN: Responses = {
    202: {
        "description": "What has not succeeded runs again",
        "content": {
            "application/json": {
                "example": {
                    "success": True,
                    "data": {
                        "id": "01a1fc40-a233-74a1-9e9b-61c09a16c5cf",
                        "status": "retry_enqueued",
                        "message": "3 images run again",
                        "reset_chunks": 1,
                        "previous_status": "completed",
                        "run": 2,
                    },
                    "timestamp": "2026-11-21T03:57:36.691Z",
                }
            }
        },
    }
}
"""How a retry is answered."""


async def act(ports: Ports, account_id: str, job_id: UUID, action: str) -> JSONResponse:
    """Do it, and say so; refuses what cannot be done."""
    if action == "retry":
        return await retry(ports, account_id, job_id)
    work, done = ACTIONS[action]
    with refusals():
        await work(ports, account_id, job_id)
    return answer({"batch_id": str(job_id), done: True}, f"Batch {job_id} {done}")


async def retry(ports: Ports, account_id: str, job_id: UUID) -> JSONResponse:
    """Run what has not succeeded again: 202."""
    with refusals():
        again = await restarting.retry(ports, account_id, job_id)
    data: dict[str, Any] = {
        "id": str(job_id),
        "status": "retry_enqueued",
        "message": f"{again.images} images run again",
        "reset_chunks": again.chunks,
        "previous_status": again.status,
        "run": again.run,
    }
    return answer(data, status=202)
