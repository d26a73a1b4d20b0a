"""What operators see of the system and what they do about dead letters, over HTTP."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.local.stack import Stack
from deploy.local.state import SERVICES
from shared.envelope import new_id
from shared.events import ExportRequested, ImageRequested, JobPaused, SecretRotated
from shared.topology import Subscription, subscriptions
from tests.acceptance.conftest import GatewayRows
from tests.batch_builders import batch_csv, create_batch, until_batch_ended
from tests.builders import Site
from tests.callers import Caller, admin_client
from tests.dead_letters import empty, image_requested, lay_down
from tests.eventually import eventually
from tests.invariants import ask
from tests.stacks import frozen

REPORTED_SECONDS_MAX = 30
PAUSED = Subscription("fetcher", JobPaused)
ROTATED = Subscription("exporter", SecretRotated)
REQUESTED = Subscription("fetcher", ImageRequested)
EXPORT = Subscription("exporter", ExportRequested)
OPERATIONS = (("GET", "/admin/queue/status"), ("GET", "/admin/queue/dead"), ("POST", "/admin/queue/redrive"))
OWN = ("/api/v1/queue/status", "/api/v1/batches/stuck", "/api/v1/system/stats")

Json = dict[str, Any]


@pytest.fixture
async def no_dead_letters(stack: Stack) -> AsyncIterator[None]:
    """Whatever a test leaves is thrown away."""
    yield
    for each in (PAUSED, ROTATED, REQUESTED, EXPORT):
        await empty(stack.urls.amqp, each)


async def status(client: httpx.AsyncClient) -> Json:
    """The data of GET /admin/queue/status."""
    answer = await client.get("/admin/queue/status")
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    return dict(answer.json()["data"])


async def redriven(client: httpx.AsyncClient, **body: Any) -> Json:
    """The data of POST /admin/queue/redrive."""
    answer = await client.post("/admin/queue/redrive", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


async def dead(client: httpx.AsyncClient, queue: str) -> list[Json]:
    """The dead letters of a queue."""
    answer = await client.get("/admin/queue/dead", params={"queue": queue})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"]["dead_letters"])


async def test_a_healthy_system_is_operating_normally(client: httpx.AsyncClient) -> None:
    async def normal() -> Json:
        found = await status(client)
        assert found["recommendations"] == ["Queue is operating normally"]
        return found

    found = await eventually(normal, REPORTED_SECONDS_MAX)
    assert [queue["name"] for queue in found["queues"]] == [each.queue for each in subscriptions()]
    assert all(queue["consumers"] >= 1 for queue in found["queues"])
    assert {outbox["service"] for outbox in found["outboxes"]} == set(SERVICES)
    assert (found["total_stuck"], found["stuck_jobs"], found["dead_letters_total"]) == (0, [], 0)
    assert found["queue_stats"].keys() == {"pending", "processing", "retrying", "completed", "failed"}


async def test_messages_that_consumers_have_are_counted_by_the_management_api(client: httpx.AsyncClient) -> None:
    async def counted() -> None:
        assert all(isinstance(queue["unacked"], int) for queue in (await status(client))["queues"])

    await eventually(counted, REPORTED_SECONDS_MAX)


async def test_with_the_broker_away_the_rest_is_told_at_once(stack: Stack, client: httpx.AsyncClient) -> None:
    with frozen(stack, "rabbitmq"):
        started = time.monotonic()
        found = await status(client)
        seconds = time.monotonic() - started
    assert found["queues"] is None
    assert found["dead_letters_total"] is None
    assert "The broker does not answer" in found["recommendations"][0]
    assert {outbox["service"] for outbox in found["outboxes"]} >= {"gateway"}
    assert seconds < 3  # the bar is 1 s; machines of tests are slow


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_operations_are_not_for_ordinary_keys(stack: Stack, alice: Caller, method: str, path: str) -> None:
    answer = await alice.request(method, path)
    assert (answer.status_code, answer.json()["success"]) == (403, False)
    wrong = await alice.request(method, path, headers={"X-API-Key": "dk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAA"})
    assert wrong.status_code == 401
    async with admin_client(stack) as operator:
        assert (await operator.request(method, path)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"nonsense", b"7", b'"x"', b"\xff",
        b'{"queue": 7}', b'{"queue": ["a"]}', b'{"problem": {}}', b'{"problem": true}',
        b'{"limit": "3"}', b'{"limit": 0}', b'{"limit": -1}', b'{"limit": 1.5}', b'{"limit": true}', b'{"limit": NaN}',
    ],
)  # fmt: skip
async def test_a_redrive_refuses_a_body_of_the_wrong_shape(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/admin/queue/redrive", content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"success", "error", "timestamp"}


@pytest.mark.parametrize("queue", ["", "no.such.queue", "fetcher", "a\0b", ".dead", "x" * 200, "gateway.*"])
async def test_an_unknown_queue_is_not_found(client: httpx.AsyncClient, queue: str) -> None:
    assert (await client.post("/admin/queue/redrive", json={"queue": queue})).status_code == 404
    assert (await client.get("/admin/queue/dead", params={"queue": queue})).status_code == 404


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "1e9", "9" * 40])
async def test_a_look_is_at_a_hundred_letters_at_most(client: httpx.AsyncClient, limit: str) -> None:
    answer = await client.get("/admin/queue/dead", params={"limit": limit})
    assert (answer.status_code, answer.json()["success"]) == (400, False)


async def test_a_huge_limit_is_as_good_as_none(client: httpx.AsyncClient) -> None:
    assert (await redriven(client, queue=PAUSED.queue, limit=10**30, problem=None))["redriven"] == 0


@pytest.mark.usefixtures("no_dead_letters")
async def test_a_dead_letter_is_seen_and_goes_back_where_it_failed(stack: Stack, client: httpx.AsyncClient) -> None:
    job_id = new_id()
    await lay_down(stack.urls.amqp, PAUSED, JobPaused(account_id="acme", job_id=job_id, version=1))
    found = await status(client)
    assert found["dead_letters_total"] == 1
    assert next(queue for queue in found["queues"] if queue["name"] == PAUSED.queue)["dead"] == 1
    assert any("dead letters" in advice for advice in found["recommendations"])
    (letter,) = await dead(client, PAUSED.dead_queue)
    assert (letter["queue"], letter["type"], letter["job_id"]) == (PAUSED.queue, "job.paused.v1", str(job_id))
    assert (letter["problem"], letter["attempts"], letter["failure_said"]) == ("internal_error", 4, False)
    assert letter["died_at"].endswith("Z")

    tally = await redriven(client)
    assert (tally["redriven"], tally["by_queue"], tally["remaining"]) == (1, {PAUSED.queue: 1}, 0)

    async def heard() -> None:
        sql = f"SELECT state FROM job_controls WHERE job_id = '{job_id}'"
        assert await ask(stack.urls.postgres["fetcher"], sql) == [{"state": "paused"}]

    await eventually(heard)
    assert await dead(client, PAUSED.queue) == []


@pytest.mark.usefixtures("no_dead_letters")
async def test_only_what_is_named_goes_back(stack: Stack, client: httpx.AsyncClient) -> None:
    for number in range(3):
        said = JobPaused(account_id="acme", job_id=new_id(), version=1)
        await lay_down(stack.urls.amqp, PAUSED, said, reason="disk_full: no room" if number == 1 else "broken: so")
    await lay_down(stack.urls.amqp, ROTATED, b"{}")
    assert (await redriven(client, problem="no_such_problem"))["redriven"] == 0
    by_problem = await redriven(client, queue=PAUSED.queue, problem="disk_full")
    assert (by_problem["redriven"], by_problem["remaining"]) == (1, 2)
    assert [letter["problem"] for letter in await dead(client, PAUSED.queue)] == ["broken", "broken"]
    assert (await redriven(client, queue=PAUSED.queue, limit=1))["redriven"] == 1
    assert (await redriven(client, queue=PAUSED.dead_queue))["by_queue"] == {PAUSED.queue: 1}
    assert len(await dead(client, ROTATED.queue)) == 1


@pytest.mark.usefixtures("no_dead_letters")
async def test_what_no_redrive_mends_dies_again(stack: Stack, client: httpx.AsyncClient) -> None:
    await lay_down(stack.urls.amqp, ROTATED, b"no event")
    assert (await redriven(client, queue=ROTATED.queue))["redriven"] == 1

    async def died_again() -> None:
        assert [letter["problem"] for letter in await dead(client, ROTATED.queue)] == ["unreadable"]

    await eventually(died_again)


@pytest.mark.usefixtures("no_dead_letters")
async def test_a_failed_image_of_an_ended_batch_is_tried_again_once(
    stack: Stack, client: httpx.AsyncClient, site: Site, gateway_rows: GatewayRows
) -> None:
    urls = [f"{site.url}/missing.jpg?redriven", *site.photos(2)]
    batch_id = await create_batch(client, batch_csv(urls), auto_start="true")
    await until_batch_ended(client, batch_id)
    (failed,) = await gateway_rows("SELECT image_id FROM images WHERE job_id = $1 AND state = 'failed'", UUID(batch_id))
    for _ in range(2):
        said = image_requested("local", UUID(batch_id), failed["image_id"])
        await lay_down(stack.urls.amqp, REQUESTED, said, told=True)
    tally = await redriven(client, queue=REQUESTED.queue)
    assert (tally["redriven"], tally["skipped"], tally["remaining"]) == (0, 0, 0)
    assert tally["retried"] + tally["settled"] == 2
    assert tally["retried"] >= 1

    async def ran_again() -> None:
        rows = await gateway_rows("SELECT run, state::text FROM images WHERE image_id = $1", failed["image_id"])
        assert rows == [{"run": 2, "state": "failed"}]

    await eventually(ran_again, 30)
    await lay_down(stack.urls.amqp, REQUESTED, said, told=True)  # of the first run still
    assert (await redriven(client, queue=REQUESTED.queue))["settled"] == 1


@pytest.mark.usefixtures("no_dead_letters")
async def test_what_has_failed_for_good_and_cannot_run_again_stays(stack: Stack, client: httpx.AsyncClient) -> None:
    said = ExportRequested(account_id="local", export_id=new_id(), job_id=new_id(), run=1, format="csv", images_total=1)
    await lay_down(stack.urls.amqp, EXPORT, said, told=True)
    tally = await redriven(client, queue=EXPORT.queue)
    assert (tally["redriven"], tally["skipped"], tally["remaining"]) == (0, 1, 1)
    assert tally["skipped_because"] == {"its failure was said: ask for it again": 1}


async def test_figures_are_of_the_callers_own_batches(alice: Caller, bob: Caller, site: Site) -> None:
    urls = [f"{site.url}/missing.jpg?figures", *site.photos(3)]
    await until_batch_ended(alice, await create_batch(alice, batch_csv(urls), auto_start="true"))
    await create_batch(alice, batch_csv(site.photos(2)))
    mine = (await alice.get("/api/v1/system/stats")).json()["data"]
    assert (mine["total_batches"], mine["active_batches"], mine["completed_batches"]) == (2, 1, 1)
    assert (mine["total_urls_processed"], mine["successful_urls"], mine["overall_success_rate"]) == (4, 3, 75.0)
    assert mine["queue_stats"] == {"pending": 2, "processing": 0, "completed": 3, "failed": 1, "retrying": 0}
    shorter = (await alice.get("/api/v1/queue/status")).json()["data"]
    assert shorter == {"pending": 2, "processing": 0, "completed": 3, "failed": 1}
    others = (await bob.get("/api/v1/system/stats")).json()["data"]
    assert (others["total_batches"], others["total_urls_processed"], others["overall_success_rate"]) == (0, 0, 0)


async def test_a_batch_without_progress_is_stuck_after_an_hour(
    client: httpx.AsyncClient, alice: Caller, bob: Caller, site: Site, gateway_rows: GatewayRows
) -> None:
    batch_id = await create_batch(
        alice, batch_csv([f"{site.url}/slow{site.target(site.photo(delay_ms=4000))}"]), auto_start="true"
    )
    assert (await alice.get("/api/v1/batches/stuck")).json()["data"] == {"batches": [], "count": 0}
    aged = "UPDATE jobs SET updated_at = now() - interval '61 minutes' WHERE job_id = $1 AND state = 'open'"

    async def stuck() -> Json:
        await gateway_rows(aged, UUID(batch_id))
        found = (await alice.get("/api/v1/batches/stuck")).json()["data"]
        assert found["count"] == 1
        standing = await status(client)
        assert batch_id in {job["batch_id"] for job in standing["stuck_jobs"]}
        assert (standing["total_stuck"], standing["stuck_images_total"]) == (1, 1)
        return dict(found["batches"][0])

    assert (await eventually(stuck))["batch_id"] == batch_id
    assert (await bob.get("/api/v1/batches/stuck")).json()["data"]["count"] == 0
    await until_batch_ended(alice, batch_id)


async def test_health_says_how_batches_are_cut_and_worked_on(client: httpx.AsyncClient) -> None:
    async def told() -> None:
        config = (await client.get("/api/v1/health")).json()["data"]["config"]
        assert (config["chunk_size"], config["max_concurrent_batches"], config["api_keys_count"]) == (2000, 20, 0)
        assert config["max_concurrent_workers"] == 2

    await eventually(told, REPORTED_SECONDS_MAX)


@pytest.mark.parametrize("path", OWN)
async def test_own_figures_refuse_a_wrong_key(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"X-API-Key": "dk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAA"})
    assert (answer.status_code, answer.json()["success"]) == (401, False)
