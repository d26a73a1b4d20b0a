"""Starts a stand-in by hand: says {"url": …} when it is ready, and is steered by PUT /_told and GET /_calls."""

import asyncio
import json
import signal
from typing import Annotated

import typer

from tests.provider_servers import provider_server


async def serve(port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with provider_server(port) as server:
        typer.echo(json.dumps({"url": server.url}))
        await stopped.wait()


def main(port: Annotated[int, typer.Option(help="0 takes any free one.")] = 0) -> None:
    """Stand in for Cloud Vision and Gemini; every key is good until told otherwise."""
    asyncio.run(serve(port))


if __name__ == "__main__":
    typer.run(main)
