"""How the system stands, for operators and for accounts; dead letters are looked at and redriven."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from services.gateway import operations, redriving
from services.gateway.api.batches.answers import CALLED, answer, errors, json_body
from services.gateway.api.batches.fields import shows, takes
from services.gateway.api.batches.operation_views import (
    DEAD,
    REDRIVEN,
    SHORT_STATS,
    STATUS,
    SYSTEM,
    letter_view,
    redriven_view,
    short_stats_view,
    standing_view,
    system_view,
)
from services.gateway.api.batches.views import batch_view
from services.gateway.api.callers import AccountOf, OperatorOf, PortsOf
from services.gateway.api.problems import Refused
from services.gateway.keys import Caller
from services.gateway.ports import Ports
from services.gateway.store import operations as sums, service_reports
from shared import redriving as letters
from shared.bus import Closed
from shared.topology import Subscription, subscriptions

router = APIRouter(tags=["operations"])

REDRIVE_SECONDS_MAX = letters.REDRIVE_SECONDS_MAX + 20
LOOK_SECONDS_MAX = 5
NAME_CHARACTERS_MAX = 200
LOOKED_AT_MAX = 100
STUCK_MAX = 100
RETRY_SECONDS = "5"
OPERATORS = {**CALLED, **errors({403: "It is not an admin key"})}
BROKER = errors({404: "No such queue", 503: "The broker does not answer, or the database is away"})


@router.get("/admin/queue/status", summary="How the system stands", responses={**OPERATORS, **shows(STATUS)})
async def queue_status(_: Caller = OperatorOf, ports: Ports = PortsOf) -> JSONResponse:
    """Images of all batches by their counters, batches that are stuck for an hour, queues by the broker's word, what
    services still have to say, and what to do about it. `queues` is null while the broker does not answer, `unacked`
    while its management API does not."""
    standing = await operations.find_standing(ports, None)
    advice = operations.recommendations(standing, ports.settings.report_seconds)
    return answer(standing_view(standing, advice))


@router.get(
    "/admin/queue/dead",
    summary="Look at dead letters",
    responses={**OPERATORS, **errors({400: "The limit is no number from 1 to 100"}), **BROKER, **shows(DEAD)},
)
async def queue_dead(
    queue: str | None = Query(None, description="with or without `.dead`; all when it is not named"),
    limit: int = Query(20, ge=1, le=LOOKED_AT_MAX),
    _: Caller = OperatorOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """The first dead letters of each queue, without their content; they stay where they are."""
    async with _broker(LOOK_SECONDS_MAX):
        found = await letters.look(ports.bus, await _queues(ports, queue), limit)
    return answer({"dead_letters": [letter_view(letter) for letter in found], "count": len(found), "limit": limit})


@router.post(
    "/admin/queue/redrive",
    summary="Put dead letters back where they failed",
    responses={**OPERATORS, **errors({400: "The body is malformed"}), **BROKER, **shows(REDRIVEN)},
    openapi_extra=takes(
        {
            "queue": {"type": "string", "description": "with or without `.dead`; all when it is not named"},
            "problem": {"type": "string", "description": "only letters with this problem code"},
            "limit": {"type": "integer", "minimum": 1, "description": "letters that go back at most"},
        }
    ),
)
async def queue_redrive(request: Request, _: Caller = OperatorOf, ports: Ports = PortsOf) -> JSONResponse:
    """Each has its effect once, however often this is called. An image that has failed for good is not put back: it is
    tried again where its batch allows it. `remaining` letters lie in the queues that were looked at."""
    body = await json_body(request)
    queue, problem, limit = _text(body, "queue"), _text(body, "problem"), _limit(body)
    async with _broker(REDRIVE_SECONDS_MAX):
        queues = await _queues(ports, queue)
        tally = await redriving.redrive(ports, queues, problem=problem, limit=limit)
    return answer(redriven_view(tally))


@router.get(
    "/api/v1/queue/status",
    summary="Images of your batches, by what is done with them",
    responses={**CALLED, **shows(SHORT_STATS)},
)
async def own_queue_status(account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Waiting, under way, succeeded and failed."""
    async with ports.database.connection() as connection:
        return answer(short_stats_view(await sums.sum_batches(connection, account_id)))


@router.get(
    "/api/v1/batches/stuck",
    summary="Batches without progress",
    responses={**CALLED, **shows({"batches": [], "count": 0})},
)
async def stuck(account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Those that are queued or processing, and of which nothing was heard for an hour; the longest first."""
    async with ports.database.connection() as connection:
        found = await sums.list_stuck(connection, account_id, STUCK_MAX)
    now = datetime.now(UTC)
    total = found[0]["stuck_total"] if found else 0
    return answer({"batches": [batch_view(batch, now) for batch in found], "count": total})


@router.get("/api/v1/system/stats", summary="Your batches in figures", responses={**CALLED, **shows(SYSTEM)})
async def system_stats(account_id: str = AccountOf, ports: Ports = PortsOf) -> JSONResponse:
    """Batches and their images, by their counters. `retrying`: images under way that have failed before."""
    async with ports.database.connection() as connection:
        found = await sums.sum_batches(connection, account_id)
        retrying = await service_reports.count_retries_waiting(connection)
    return answer(system_view(found, min(retrying, int(found["in_flight"]))))


@asynccontextmanager
async def _broker(seconds_max: float) -> AsyncIterator[None]:
    """Ask the broker; 503 when it is away, or does not answer in time."""
    try:
        async with asyncio.timeout(seconds_max):
            yield
    except (Closed, TimeoutError):
        raise Refused(503, "The broker does not answer: try again soon", {"Retry-After": RETRY_SECONDS}) from None


async def _queues(ports: Ports, name: str | None) -> list[Subscription]:
    """The queue that is named, else those that have dead letters now; raises 404."""
    if name is None:
        depths = await ports.bus.depths()
        return [each for each in subscriptions() if depths[each.dead_queue].ready]
    found = letters.named(name)
    if found is None:
        raise Refused(404, "No such queue")
    return [found]


def _text(body: Mapping[str, Any], name: str) -> str | None:
    found = body.get(name)
    if found is not None and (not isinstance(found, str) or len(found) > NAME_CHARACTERS_MAX):
        raise Refused(400, f"{name} must be a string of at most {NAME_CHARACTERS_MAX} characters")
    return found


def _limit(body: Mapping[str, Any]) -> int | None:
    found = body.get("limit")
    if found is not None and (isinstance(found, bool) or not isinstance(found, int) or found < 1):
        raise Refused(400, "limit must be a whole number from 1 on")
    return found
