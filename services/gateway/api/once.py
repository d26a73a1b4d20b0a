"""Answers that are made once: the work and what was said of it stand or fall in one transaction."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse

from services.gateway import idempotency
from services.gateway.idempotency import KEY_CHARACTERS_MAX, Answered, Claim, Keyed
from services.gateway.ports import Ports
from shared.outcome import Connection

IdempotencyKey = Annotated[
    str | None, Header(max_length=KEY_CHARACTERS_MAX, description="the same key and body: the same answer, once")
]
Work = Callable[[Connection], Awaitable[dict[str, Any]]]


def keyed(account_id: str, operation: str, key: str | None, request: dict[str, Any]) -> Keyed | None:
    """A request under its key, by which it is known again; None without a key."""
    if not key:
        return None
    same = idempotency.fingerprint({"request": json.dumps(request, sort_keys=True)})
    return Keyed(account_id, operation, key, same)


async def once(ports: Ports, known: Keyed | None, work: Work) -> JSONResponse:
    """Do the work, which returns the answer's body; under a key that was used for the same request, answer as then.

    Raises what the work raises, which lets the key go, and KeyReused.
    """
    async with ports.database.transaction() as connection:
        claim = await idempotency.claim_within(connection, known) if known else None
        if isinstance(claim, Answered):
            return JSONResponse(claim.body, claim.status)
        body = await work(connection)
        if isinstance(claim, Claim):
            await claim.answer(connection, 200, body)
    return JSONResponse(body)
