"""A process that analyses one picture by Google Vision, to be killed meanwhile: database, stand-in, key."""

import asyncio
import sys

from shared.db import Database
from tests.provider_pools import JPEG, vision
from tests.provider_servers import ProviderServer


async def main(postgres_url: str, server_url: str, key: str) -> None:
    """Analyse it."""
    database = await Database.open(postgres_url, "enhancer")
    knobs = {"provider_requests_max": 1, "provider_window_seconds": 1.0, "provider_seconds_max": 1}
    async with vision(database, ProviderServer(url=server_url), [key], **knobs) as provider:
        await provider.analyze(JPEG)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
