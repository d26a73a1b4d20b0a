"""A service's health port: /health (ready to work), /health/live, /health/ready and /metrics."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.bus import Bus
from shared.db import Database


class Checks:
    """Whether a service can do its work now."""

    version = "0.1.0"

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def __call__(self) -> dict[str, bool]:
        """The name of each thing needed, and whether it is there."""
        return {
            "database": await self._database.is_up(),
            "broker": self._bus.is_open,
            "consumers": self._bus.consumers > 0,
        }


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: shared/service.py ends us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def application(checks: Checks) -> Starlette:
    """The health port's three answers."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        found = await checks()
        return JSONResponse({"ready": all(found.values()), **found}, 200 if all(found.values()) else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    answers = {"/health": ready, "/health/ready": ready, "/health/live": live, "/metrics": metrics}
    return Starlette(routes=[Route(path, answer) for path, answer in answers.items()])


async def serve(host: str, port: int, checks: Checks) -> None:
    """Answer on the health port until cancelled."""
    config = uvicorn.Config(
        application(checks), host=host, port=port, log_level="warning", access_log=False, lifespan="off"
    )
    await Server(config).serve()
