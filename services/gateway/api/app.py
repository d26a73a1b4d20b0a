"""The gateway's HTTP application: routers, limits, error answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from services.gateway.api import (
    admin,
    album_images,
    album_job_stream,
    album_jobs,
    albums,
    batch_uploads,
    enhancements,
    health,
    images,
    ledger,
    product_files,
    product_status,
    products,
    tokens,
    uploads,
    webhooks,
)
from services.gateway.api.batches import (
    admin_batches,
    analytics,
    batches,
    bulk,
    control,
    creation,
    data,
    export_views,
    exports,
    operations,
    results,
    retrying,
    status,
    stream,
    web,
    web_exports,
)
from services.gateway.api.limits import BodyBytes, BodyLimit, SameSite
from services.gateway.api.problems import ANSWERS
from services.gateway.api.rate_headers import RateHeaders
from services.gateway.api.request_ids import RequestIds
from services.gateway.founding import found
from services.gateway.ports import Ports
from services.gateway.settings import Settings
from services.gateway.streams import Streams
from shared.health import Checks, Server

DESCRIPTION = """
Send a CSV of products, watch its images go through the pipeline, be called back, take the results away.

* **Products**: upload, status (poll with ETag, or Server-Sent Events), details, downloads, images by name.
* **Webhooks**: signed by [Standard Webhooks](https://www.standardwebhooks.com), with a log and resends.
* **Albums**: uploaded images, kept as they are, and albums of them, private or shared.
* **Enhancements**: images and whole albums enhanced for tokens, followed, cancelled, given back when they fail.
* **Tokens**: balance, statement; grants and the ledger's invariants for operators.
* **Batches**: CSVs of URLs, fetched and analysed in bulk; status with advice on polling, chunks, health, errors.
* **Admin**: accounts and their API keys, for those who have an admin key.

Errors of the products door are `{"detail": "..."}`, those of albums, images, jobs and tokens `{"error": "..."}`,
those of batches `{"success": false, "error": "...", "timestamp": "..."}`; what is Darkroom's own answers RFC 9457
problem details.
"""

MODULES = (
    *(products, product_status, product_files, webhooks),
    *(albums, album_images, uploads, batch_uploads, images, enhancements, album_jobs, album_job_stream, tokens),
    *(control, retrying, bulk, admin_batches, operations),
    *(creation, batches, status, analytics, stream, web),
    *(results, data, exports, export_views, web_exports),
    *(admin, ledger, health),
)
JSON_BYTES_MAX = 1_000_000
FORM_BYTES = 100_000  # what a form adds to its files


def create_app(ports: Ports) -> FastAPI:
    """The application over these ports."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(title="Darkroom", version=Checks.version, description=DESCRIPTION, lifespan=lifespan)
    app.state.ports = ports
    app.state.streams = Streams(ports.settings.streams_max)
    app.state.routes = [route for module in MODULES for route in module.router.routes]
    for module in MODULES:
        app.include_router(module.router)
    for error, answer in ANSWERS.items():
        app.add_exception_handler(error, answer)
    app.add_middleware(BodyLimit, limits=body_bytes(ports.settings))
    app.add_middleware(SameSite)
    app.add_middleware(RateHeaders)
    app.add_middleware(RequestIds)
    return app


def body_bytes(settings: Settings) -> BodyBytes:
    """How large bodies may be: forms with pictures as their settings say, JSON at the albums door 1 MB."""
    return BodyBytes(
        at={
            "/api/images/upload": settings.source_bytes_max + FORM_BYTES,
            "/api/images/batch-upload": settings.batch_bytes_max + FORM_BYTES,
            "/api/v1/export/filtered": JSON_BYTES_MAX,
            "/api/v1/export/batches/multiple": JSON_BYTES_MAX,
        },
        albums=JSON_BYTES_MAX,
        elsewhere=settings.upload_bytes_max,
    )


async def serve(ports: Ports) -> None:
    """Answer requests until cancelled, once everything is there that callers are known by."""
    await found(ports.database, ports.settings.admin_key_file)
    config = uvicorn.Config(
        create_app(ports),
        host=ports.settings.gateway_host,
        port=ports.settings.gateway_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        lifespan="off",
    )
    await Server(config).serve()
