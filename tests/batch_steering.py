"""Batches that run for a while, and what steers them."""

from collections.abc import Sequence
from typing import Any

import httpx

from tests.batch_builders import Json, batch_csv, create_batch, told
from tests.builders import Site
from tests.eventually import eventually


def slow_photos(site: Site, number: int, delay_ms: int = 150) -> list[str]:
    """URLs of as many different small files, each of which comes late."""
    return [f"{site.url}/slow{site.target(url)}&delay_ms={delay_ms}" for url in site.photos(number)]


def missing_photos(site: Site, number: int) -> list[str]:
    """URLs of as many files that are not there."""
    return [f"{site.url}/missing.jpg?{each}" for each in range(number)]


async def start_slow_batch(client: httpx.AsyncClient, site: Site, images: int = 200, **fields: str) -> str:
    """A batch that runs for some seconds; its id, as soon as some of it is done."""
    batch_id = await create_batch(client, batch_csv(slow_photos(site, images)), **fields)
    await until_processed(client, batch_id, 5)
    return batch_id


async def pending_batch(client: httpx.AsyncClient, urls: Sequence[str], **fields: str) -> str:
    """A batch that was not started; its id."""
    return await create_batch(client, batch_csv(urls), auto_start="false", **fields)


async def act(client: httpx.AsyncClient, batch_id: str, action: str, body: Json | None = None) -> httpx.Response:
    """POST an action of the batches door, without a body by default."""
    return await client.post(f"/api/v1/batches/{batch_id}/{action}", json=body)


async def done(client: httpx.AsyncClient, batch_id: str, action: str, body: Json | None = None) -> Json:
    """The `data` of an action that succeeds."""
    answer = await act(client, batch_id, action, body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


async def progress(client: httpx.AsyncClient, batch_id: str) -> Json:
    """Where a batch is."""
    return await told(client, f"/batches/{batch_id}/progress")


async def until_processed(client: httpx.AsyncClient, batch_id: str, number: int, seconds_max: float = 30) -> Json:
    """Wait until as many images have ended."""

    async def enough() -> Json:
        found = await progress(client, batch_id)
        assert found["processed_count"] >= number, found
        return found

    return await eventually(enough, seconds_max)


async def until_status(client: httpx.AsyncClient, batch_id: str, status: str, seconds_max: float = 60) -> Json:
    """Wait until a batch has a status; its progress then."""

    async def reached() -> Json:
        found = await progress(client, batch_id)
        assert found["status"] == status, found
        return found

    return await eventually(reached, seconds_max)


def counts_of(found: Json, *names: str) -> tuple[Any, ...]:
    """These numbers of a progress, in this order."""
    return tuple(found[name] for name in names)
