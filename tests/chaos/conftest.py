"""A priced request with a webhook, under way; and a system whose accounts regenerate fast."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from deploy.local.stack import Stack
from deploy.local.state import SERVICES
from tests.album_callers import Callers, callers_of
from tests.builders import Hooks, Site, product_csv, status_of, until_ended, upload
from tests.eventually import eventually
from tests.invariants import assert_consistent
from tests.stacks import running_stack

IMAGES = 300
BAD = 10
END_SECONDS_MAX = 90
HEALTHY_SECONDS_MAX = 40
EVERYTHING = (*SERVICES, "rabbitmq", "postgres")
REGENERATION_SECONDS = 2
ALBUM_SETTINGS = {
    "DARKROOM_REGENERATION_SECONDS": str(REGENERATION_SECONDS),
    "DARKROOM_REQUESTS_PER_HOUR": "0",
    "DARKROOM_ENHANCE_RATE": "0/60",
}


class Ordeal:
    """300 images, ten of which are missing, and what must have become of them in the end."""

    def __init__(self, stack: Stack, client: httpx.AsyncClient, site: Site, hooks: Hooks) -> None:
        self.stack = stack
        self._client = client
        self._site = site
        self._hooks = hooks
        self.request_id = ""

    async def begin(self, images_ended: int = 40) -> None:
        """Upload, and wait until some images have ended."""
        urls = [
            f"{self._site.url}/slow{self._site.target(url)}&delay_ms=100" for url in self._site.photos(IMAGES - BAD)
        ]
        missing = [f"{self._site.url}/missing.jpg?{number}" for number in range(BAD)]
        content = product_csv([urls[:5], *[[url] for url in urls[5:]], missing])
        self.request_id = await upload(self._client, content, webhook_url=self._hooks.target())

        async def under_way() -> None:
            assert (await status_of(self._client, self.request_id))["images"]["completed"] >= images_ended

        await eventually(under_way, 30)

    async def assert_it_ends_well(self) -> None:
        """It ends as if nothing had happened."""
        status = await eventually(self._ended, END_SECONDS_MAX)
        assert status["images"] == {"total": IMAGES, "completed": IMAGES - BAD, "failed": BAD, "pending": 0}
        deliveries = await self._hooks.until_received(1, 40)
        await assert_consistent(self.stack.urls)
        deliveries = await self._hooks.received()
        assert len({delivery["headers"]["webhook-id"] for delivery in deliveries}) == 1
        assert {delivery["json"]["request_id"] for delivery in deliveries} == {self.request_id}

    async def _ended(self) -> dict[str, dict[str, int]]:
        try:
            return await until_ended(self._client, self.request_id, 1)
        except httpx.TransportError as error:
            raise AssertionError(f"the gateway is away: {error!r}") from error


@pytest.fixture
async def ordeal(priced_stack: Stack, priced_client: httpx.AsyncClient, site: Site, hooks: Hooks) -> Ordeal:
    """A request that is under way."""
    begun = Ordeal(priced_stack, priced_client, site, hooks)
    await begun.begin()
    return begun


@pytest.fixture(scope="session")
def album_stack() -> Iterator[Stack]:
    """A system whose accounts get a token every other second, up to the cap, and may call as often as they like."""
    with running_stack(settings=ALBUM_SETTINGS) as started:
        yield started


@pytest.fixture
async def callers(album_stack: Stack) -> AsyncIterator[Callers]:
    """Who opens accounts there, where everything is up again after the test before."""
    assert await asyncio.to_thread(album_stack.wait_healthy, EVERYTHING, HEALTHY_SECONDS_MAX)
    async with callers_of(album_stack) as opened:
        yield opened
