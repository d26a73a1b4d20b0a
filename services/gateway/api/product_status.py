"""The products door: where a request is, by polling with an ETag or by Server-Sent Events, and all its products."""

import hashlib
import json
from collections.abc import AsyncIterator
from itertools import groupby

import asyncpg
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from sse_starlette.sse import EventSourceResponse

from services.gateway.api.callers import AccountOf, PortsOf
from services.gateway.api.jobs import find_product_job
from services.gateway.api.problems import UNKNOWN
from services.gateway.api.product_views import DetailsView, StatusView, details_head, product_json, status_view
from services.gateway.domain import ENDED_STATES
from services.gateway.ports import Ports
from services.gateway.store import images, jobs
from shared.db import Row

router = APIRouter(tags=["products"])

PAGE_IMAGES = 2_000
NEWS_SECONDS = 0.2
NEWS_EXAMPLE = 'event: status\r\ndata: {"status": "processing", "message": "Processing in progress", ...}\r\n\r\n'


@router.get(
    "/api/status/{request_id}",
    summary="Where a request is",
    response_model=StatusView,
    responses={**UNKNOWN, 304: {"description": "Nothing changed since the ETag in If-None-Match"}},
)
async def status(request_id: str, request: Request, account_id: str = AccountOf, ports: Ports = PortsOf) -> Response:
    """Cheap at any size: poll it, with `If-None-Match` to get 304 while nothing changed."""
    job = await find_product_job(ports, account_id, request_id)
    body = status_view(job)
    etag = f'"{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:24]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return JSONResponse(body, headers=headers)


@router.get(
    "/api/status/{request_id}/events",
    summary="Progress as Server-Sent Events",
    response_class=EventSourceResponse,
    responses={**UNKNOWN, 200: {"content": {"text/event-stream": {"example": NEWS_EXAMPLE}}, "description": "News"}},
)
async def status_events(request_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> EventSourceResponse:
    """An event `status` with the body of GET /api/status at every change, until an event `end`."""
    job = await find_product_job(ports, account_id, request_id)
    return EventSourceResponse(_news(ports, job), ping=15)


async def _news(ports: Ports, job: asyncpg.Record) -> AsyncIterator[dict[str, str]]:
    last = ""
    async for _ in ports.live.changes(job["job_id"], at_most_every_seconds=NEWS_SECONDS):
        async with ports.database.connection() as connection:
            found = await jobs.find_job(connection, job["account_id"], job["job_id"])
        if found is None:
            return
        body = json.dumps(status_view(found))
        if body != last:
            yield {"event": "status", "data": body}
            last = body
        if found["state"] in ENDED_STATES:
            yield {"event": "end", "data": body}
            return


@router.get(
    "/api/details/{request_id}",
    summary="A request with all its products",
    response_model=DetailsView,
    responses=UNKNOWN,
)
async def details(request_id: str, account_id: str = AccountOf, ports: Ports = PortsOf) -> StreamingResponse:
    """Every product with its images, and why an image failed. Streamed: any number of products."""
    job = await find_product_job(ports, account_id, request_id)
    return StreamingResponse(_details(ports, job), media_type="application/json")


async def _details(ports: Ports, job: asyncpg.Record) -> AsyncIterator[str]:
    yield json.dumps(details_head(job), ensure_ascii=False)[:-1] + ',"products":['
    separator = ""
    async for rows in _products(ports, job):
        yield separator + product_json(rows, ports.settings.public_url)
        separator = ","
    yield "]}"


async def _products(ports: Ports, job: asyncpg.Record) -> AsyncIterator[list[Row]]:
    """The rows of one product after another; a page of images is read at a time."""
    kept: list[Row] = []
    seq = 0
    while True:
        async with ports.database.connection() as connection:
            page = await images.list_page(connection, job["job_id"], seq, PAGE_IMAGES)
        kept += page
        products = [list(rows) for _, rows in groupby(kept, key=lambda row: row["item"])]
        if len(page) < PAGE_IMAGES:
            for rows in products:
                yield rows
            return
        for rows in products[:-1]:
            yield rows
        kept = products[-1]
        seq = page[-1]["seq"] + 1
