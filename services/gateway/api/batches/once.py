"""Work on batches that is done once under its Idempotency-Key: the answer is kept in the transaction of the work."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from fastapi.responses import JSONResponse

from services.gateway import idempotency
from services.gateway.api.batches.fields import refusals
from services.gateway.batches.control import Also
from services.gateway.idempotency import Answered
from services.gateway.ports import Ports
from shared.outcome import Connection

Done = TypeVar("Done")
Work = Callable[[Also | None], Awaitable[Done]]


async def once(
    ports: Ports,
    account_id: str,
    key: str | None,
    request: Mapping[str, Any],
    work: Work[Done],
    tell: Callable[[Done], JSONResponse],
) -> JSONResponse:
    """Do the work and tell what came of it; what cannot be done is refused, and lets the key go."""
    if not key:
        with refusals():
            return tell(await work(None))
    same = idempotency.fingerprint({"request": json.dumps(request, sort_keys=True)})
    claim = await idempotency.claim(ports.database, account_id, "batches", key, same)
    if isinstance(claim, Answered):
        return JSONResponse(claim.body, claim.status)

    answers: list[JSONResponse] = []

    async def keep(connection: Connection, done: Done) -> None:
        answers.append(tell(done))
        await claim.answer(connection, answers[-1].status_code, json.loads(bytes(answers[-1].body)))

    try:
        with refusals():
            await work(keep)
    except BaseException:
        await claim.release(ports.database)
        raise
    return answers[-1]
