"""kill -9 in the middle of whatever steers a running batch: it has happened or not; nothing is lost or doubled."""

import asyncio
import signal
from collections.abc import Sequence

import httpx
import pytest

from deploy.local.stack import Stack
from deploy.local.state import SERVICES
from tests.batch_steering import act, start_slow_batch
from tests.builders import Json, Site
from tests.eventually import eventually
from tests.invariants import ask, assert_consistent

pytestmark = pytest.mark.timeout(240)

IMAGES = 250
EARLY, LATE = 0.005, 0.03
"""Seconds into a request: before its transaction is through, mostly, and about when it is."""

END_SECONDS_MAX = 90
HEALTHY_SECONDS_MAX = 40
EVERYTHING = (*SERVICES, "rabbitmq", "postgres")
BEFORE = {"resume": "pause", "retry": "cancel"}
BODIES: dict[str, Json] = {
    "clone": {"new_name": "again", "copy_results": True},
    "force-start": {"skip_validation": True},
    "reset": {"force": True},
}
FINISHED = ("completed", "cancelled", "gone")


async def steer(client: httpx.AsyncClient, batch_id: str, action: str) -> int | None:
    """Do it; the answer's status, None when there was none."""
    try:
        if action == "delete":
            answer = await client.delete(f"/api/v1/batches/{batch_id}", params={"force": "true"})
        elif action in ("reset", "retry"):
            answer = await client.post(f"/admin/batch/{batch_id}/{action}", json=BODIES.get(action))
        else:
            answer = await act(client, batch_id, action, BODIES.get(action))
    except httpx.TransportError:
        return None
    return answer.status_code


async def steer_through(stack: Stack, client: httpx.AsyncClient, batch_id: str, action: str, after: float) -> None:
    """Do it while everything that answers is being killed, and again when it is back."""
    killed = asyncio.create_task(steer(client, batch_id, action))
    await asyncio.sleep(after)  # the kill meets the request here or there on its way
    stack.kill("gateway", signal.SIGKILL)
    await killed
    assert await asyncio.to_thread(stack.wait_healthy, EVERYTHING, HEALTHY_SECONDS_MAX)
    assert await steer(client, batch_id, action) in (200, 202, 400, 404)


async def finish(client: httpx.AsyncClient, batch_id: str) -> Json:
    """Let a batch run to its end, whatever it was made to be; its status then."""

    async def ended() -> Json:
        try:
            answer = await client.get(f"/api/v1/batches/{batch_id}/progress")
        except httpx.TransportError as error:
            raise AssertionError(f"the gateway is away: {error!r}") from error
        if answer.status_code == 404:
            return {"status": "gone"}
        assert answer.status_code == 200, answer.text
        found = dict(answer.json()["data"])
        if onward := {"pending": "start", "paused": "resume"}.get(found["status"]):
            await steer(client, batch_id, onward)
        assert found["status"] in FINISHED, found
        return found

    return await eventually(ended, END_SECONDS_MAX)


async def batches_of(stack: Stack) -> Sequence[str]:
    """Every batch that there is."""
    found = await ask(stack.urls.postgres["gateway"], "SELECT job_id FROM batches WHERE deleted_at IS NULL")
    return [str(row["job_id"]) for row in found]


async def assert_all_ends_well(stack: Stack, client: httpx.AsyncClient, batch_id: str) -> None:
    """Each image of each batch has one result of its latest run, and every service tells the same."""
    for each in await batches_of(stack):
        found = await finish(client, each)
        if found["status"] == "completed":
            assert found["processed_count"] == found["total_urls"]
    assert (await finish(client, batch_id))["status"] in FINISHED
    await assert_consistent(stack.urls)


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("pause", EARLY), ("resume", LATE), ("cancel", EARLY), ("force-start", LATE), ("retry", EARLY), ("reset", LATE),
        ("clone", LATE), ("soft-delete", EARLY), ("delete", LATE), ("reset", EARLY),
    ],
)  # fmt: skip
async def test_a_gateway_that_is_killed_while_it_steers_a_batch_goes_on(
    stack: Stack, client: httpx.AsyncClient, site: Site, action: str, after: float
) -> None:
    assert await asyncio.to_thread(stack.wait_healthy, EVERYTHING, HEALTHY_SECONDS_MAX)
    batch_id = await start_slow_batch(client, site, IMAGES, chunk_size="40")
    if action in BEFORE:
        assert await steer(client, batch_id, BEFORE[action]) == 200
    await steer_through(stack, client, batch_id, action, after)
    await assert_all_ends_well(stack, client, batch_id)


@pytest.mark.parametrize("action", ["pause", "cancel", "force-start", "reset", "delete"])
async def test_everything_killed_after_a_batch_was_steered_goes_on(
    stack: Stack, client: httpx.AsyncClient, site: Site, action: str
) -> None:
    assert await asyncio.to_thread(stack.wait_healthy, EVERYTHING, HEALTHY_SECONDS_MAX)
    batch_id = await start_slow_batch(client, site, IMAGES, chunk_size="40")
    assert await steer(client, batch_id, action) == 200
    for name in EVERYTHING:
        stack.kill(name, signal.SIGKILL)
    assert await asyncio.to_thread(stack.wait_healthy, EVERYTHING, HEALTHY_SECONDS_MAX)
    await assert_all_ends_well(stack, client, batch_id)
