"""The gateway's HTTP application: routers, limits, error answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from services.gateway.api import admin, health, ledger, product_files, product_status, products, tokens, webhooks
from services.gateway.api.limits import BodyLimit, SameSite
from services.gateway.api.problems import ANSWERS
from services.gateway.api.rate_headers import RateHeaders
from services.gateway.founding import found
from services.gateway.ports import Ports
from shared.health import Checks, Server

DESCRIPTION = """
Send a CSV of products, watch its images go through the pipeline, be called back, take the results away.

* **Products**: upload, status (poll with ETag, or Server-Sent Events), details, downloads, images by name.
* **Webhooks**: signed by [Standard Webhooks](https://www.standardwebhooks.com), with a log and resends.
* **Tokens**: balance, statement; grants and the ledger's invariants for operators.
* **Admin**: accounts and their API keys, for those who have an admin key.

Errors of the products door are `{"detail": "..."}`; what is Darkroom's own answers RFC 9457 problem details.
"""


def create_app(ports: Ports) -> FastAPI:
    """The application over these ports."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = FastAPI(title="Darkroom", version=Checks.version, description=DESCRIPTION, lifespan=lifespan)
    app.state.ports = ports
    for module in (products, product_status, product_files, webhooks, tokens, admin, ledger, health):
        app.include_router(module.router)
    for error, answer in ANSWERS.items():
        app.add_exception_handler(error, answer)
    app.add_middleware(BodyLimit, bytes_max=ports.settings.upload_bytes_max)
    app.add_middleware(SameSite)
    app.add_middleware(RateHeaders)
    return app


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
