"""Answers that are made once: the work and what was said of it stand or fall in one transaction."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse

from services.gateway import idempotency
from services.gateway.idempotency import KEY_CHARACTERS_MAX, Answered, Claim
from services.gateway.ports import Ports
from shared.outcome import Connection

IdempotencyKey = Annotated[
    str | None, Header(max_length=KEY_CHARACTERS_MAX, description="the same key and body: the same answer, once")
]
Work = Callable[[Connection], Awaitable[dict[str, Any]]]


async def once(
    ports: Ports, account_id: str, operation: str, key: str | None, request: dict[str, Any], work: Work
) -> JSONResponse:
    """Do the work, which returns the answer's body; under a key that was used for the same request, answer as then.

    Raises what the work raises, KeyReused, StillRunning.
    """
    claim: Claim | Answered | None = None
    if key:
        same = idempotency.fingerprint({"request": json.dumps(request, sort_keys=True)})
        claim = await idempotency.claim(ports.database, account_id, operation, key, same)
    if isinstance(claim, Answered):
        return JSONResponse(claim.body, claim.status)
    try:
        return JSONResponse(await _worked(ports, claim, work))
    except BaseException:
        if claim:
            await claim.release(ports.database)
        raise


async def _worked(ports: Ports, claim: Claim | None, work: Work) -> dict[str, Any]:
    async with ports.database.transaction() as connection:
        body = await work(connection)
        if claim:
            await claim.answer(connection, 200, body)
    return body
