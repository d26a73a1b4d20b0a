"""Pause, resume, cancel, and fairness between accounts; the doors to these come later, the functions are here."""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.local.stack import Stack
from services.gateway import control
from services.gateway.control import NoSuchJob, NotNow
from services.gateway.intake import Submission, submit
from services.gateway.ports import Ports
from shared.facts import Recipe
from shared.prices import Prices
from tests.acceptance.conftest import GatewayRows
from tests.builders import Hooks, Site, product_csv, status_of, until_ended, upload
from tests.eventually import eventually, throughout
from tests.gateway_ports import open_ports
from tests.invariants import assert_consistent

LOCAL = "local"
PAUSE_SECONDS_MAX = 2


@pytest.fixture
async def ports(stack: Stack) -> AsyncIterator[Ports]:
    """The gateway's ports, where nothing has a price."""
    async with open_ports(stack, Prices(prices={})) as opened:
        yield opened


def slow_csv(site: Site, number: int, delay_ms: int = 60) -> str:
    """Products whose pictures come late."""
    return product_csv([[f"{site.url}/slow{site.target(url)}&delay_ms={delay_ms}"] for url in site.photos(number)])


async def until_under_way(client: httpx.AsyncClient, request_id: str, images: int) -> dict[str, Any]:
    """Wait until so many images have succeeded."""

    async def under_way() -> dict[str, Any]:
        status = await status_of(client, request_id)
        assert status["images"]["completed"] >= images, status
        return status

    return await eventually(under_way, 30)


async def test_a_pause_takes_effect_at_once_and_a_resumed_request_completes(
    client: httpx.AsyncClient, ports: Ports, site: Site, gateway_rows: GatewayRows
) -> None:
    request_id = await upload(client, slow_csv(site, 1200), operation="copy")
    await until_under_way(client, request_id, 50)
    job_id = UUID(request_id)
    await control.pause(ports, LOCAL, job_id)
    (paused,) = await gateway_rows("SELECT now() AS at")
    with pytest.raises(NotNow):
        await control.pause(ports, LOCAL, job_id)

    async def waits() -> None:
        assert (await status_of(client, request_id))["status"] == "processing"

    await throughout(PAUSE_SECONDS_MAX + 1.5, waits)
    last = await last_end(gateway_rows, job_id)
    assert (last - paused["at"]).total_seconds() < PAUSE_SECONDS_MAX
    await control.resume(ports, LOCAL, job_id)
    status = await until_ended(client, request_id, 40)
    assert status["images"] == {"total": 1200, "completed": 1200, "failed": 0, "pending": 0}


async def last_end(gateway_rows: GatewayRows, job_id: UUID) -> datetime:
    """When the job's last image ended so far."""
    (row,) = await gateway_rows("SELECT max(ended_at) AS at FROM images WHERE job_id = $1", job_id)
    assert isinstance(row["at"], datetime)
    return row["at"]


async def assert_cancelled(client: httpx.AsyncClient, gateway_rows: GatewayRows, request_id: str) -> dict[str, int]:
    """The job has ended as cancelled, every image once; how many images are in which state."""
    status = await until_ended(client, request_id)
    assert status["status"] == "failed"
    assert status["images"]["pending"] == 0
    (job,) = await gateway_rows("SELECT * FROM jobs WHERE job_id = $1", UUID(request_id))
    assert (job["state"], job["in_flight"]) == ("cancelled", 0)
    rows = await gateway_rows(
        "SELECT state::text, count(*) FROM images WHERE job_id = $1 GROUP BY state", UUID(request_id)
    )
    found = {row["state"]: row["count"] for row in rows}
    assert sum(found.values()) == job["images_total"]
    return found


async def test_a_cancelled_request_ends_each_image_once_and_spends_no_more(
    client: httpx.AsyncClient, stack: Stack, ports: Ports, site: Site, hooks: Hooks, gateway_rows: GatewayRows
) -> None:
    content = slow_csv(site, 1500)
    request_id = await upload(client, content, operation="copy", webhook_url=hooks.target())
    await until_under_way(client, request_id, 50)
    await control.cancel(ports, LOCAL, UUID(request_id))
    with pytest.raises(NotNow):
        await control.cancel(ports, LOCAL, UUID(request_id))
    states = await assert_cancelled(client, gateway_rows, request_id)
    assert states["cancelled"] > 700
    assert states["succeeded"] >= 50
    asked = sum(1 for target in await site.counts() if f"/slow{target}" in content or target in content)
    assert asked < 1500 - 700 + 200
    (delivery,) = await hooks.until_received(1)
    assert delivery["json"]["request_id"] == request_id
    await assert_consistent(stack.urls)


async def test_a_paused_request_can_be_cancelled(
    client: httpx.AsyncClient, ports: Ports, site: Site, gateway_rows: GatewayRows
) -> None:
    request_id = await upload(client, slow_csv(site, 600), operation="copy")
    await until_under_way(client, request_id, 20)
    await control.pause(ports, LOCAL, UUID(request_id))
    await control.cancel(ports, LOCAL, UUID(request_id))
    assert (await assert_cancelled(client, gateway_rows, request_id))["cancelled"] > 200


async def test_pause_and_resume_in_quick_turns_lose_nothing(
    client: httpx.AsyncClient, ports: Ports, site: Site
) -> None:
    request_id = await upload(client, slow_csv(site, 300, 20), operation="copy")
    for _ in range(8):
        await control.pause(ports, LOCAL, UUID(request_id))
        await control.resume(ports, LOCAL, UUID(request_id))
    status = await until_ended(client, request_id, 40)
    assert status["images"]["completed"] == 300


async def test_what_has_ended_cannot_be_steered(client: httpx.AsyncClient, ports: Ports, site: Site) -> None:
    request_id = await upload(client, product_csv([[site.photo()]]))
    await until_ended(client, request_id)
    for steer in (control.pause, control.resume, control.cancel):
        with pytest.raises(NotNow):
            await steer(ports, LOCAL, UUID(request_id))
        with pytest.raises(NoSuchJob):
            await steer(ports, "somebody else", UUID(request_id))


async def test_a_small_request_does_not_wait_for_a_large_one(
    client: httpx.AsyncClient, ports: Ports, site: Site, gateway_rows: GatewayRows
) -> None:
    urls, numbers = site.photos(3000), count(1)
    large = await submit(
        ports,
        Submission(
            account_id="bulk",
            kind="products",
            recipe=Recipe(operation="copy"),
            file_name="bulk.csv",
            webhook_url=None,
            webhook_secret=None,
            images=lambda: iter(
                [(number, number, "bulk", 0, 1, url) for number, url in zip(numbers, urls, strict=False)]
            ),
        ),
    )

    async def ended_of_large() -> int:
        (row,) = await gateway_rows("SELECT images_succeeded FROM jobs WHERE job_id = $1", large["job_id"])
        return int(row["images_succeeded"])

    async def begun() -> None:
        assert await ended_of_large() >= 100

    await eventually(begun, 20)
    request_id = await upload(client, product_csv([[url] for url in site.photos(3)]))
    await until_ended(client, request_id)
    assert await ended_of_large() < 2000

    async def all_ended() -> None:
        assert await ended_of_large() == 3000

    await eventually(all_ended, 60)
    assert (await client.get(f"/api/status/{large['job_id']}")).status_code == 404  # another account's
