"""Progress by polling and by Server-Sent Events; the welcome, and health."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx

from tests.builders import Site, product_csv, run, status_of, until_ended, upload


async def test_an_unchanged_status_is_304(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await run(client, product_csv([[site.photo()]]))
    first = await client.get(f"/api/status/{request_id}")
    etag = first.headers["etag"]
    for tag in (etag, f'"other", {etag}', f"W/{etag}"):
        again = await client.get(f"/api/status/{request_id}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
    changed = await client.get(f"/api/status/{request_id}", headers={"If-None-Match": '"other"'})
    assert changed.json() == first.json()


async def test_an_etag_changes_with_the_status(client: httpx.AsyncClient, site: Site) -> None:
    slow = f"{site.url}/slow/photos/1-8x8.jpg?delay_ms=1000"
    request_id = await upload(client, product_csv([[slow]]))
    before = (await client.get(f"/api/status/{request_id}")).headers["etag"]
    await until_ended(client, request_id)
    assert (await client.get(f"/api/status/{request_id}", headers={"If-None-Match": before})).status_code == 200


async def test_times_are_utc_and_now(client: httpx.AsyncClient, site: Site) -> None:
    status = await status_of(client, await run(client, product_csv([[site.photo()]])))
    created, updated = (datetime.fromisoformat(status[name]) for name in ("created_at", "updated_at"))
    assert status["created_at"].endswith("Z")
    assert datetime.now(UTC) - timedelta(minutes=1) < created <= updated <= datetime.now(UTC)


async def events_of(client: httpx.AsyncClient, request_id: str) -> AsyncIterator[tuple[str, dict[str, object]]]:
    """The events of a request's stream until it ends: (event, data)."""
    name = ""
    async with client.stream("GET", f"/api/status/{request_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                yield name, json.loads(line[5:])


async def test_events_tell_every_step_until_the_end(client: httpx.AsyncClient, site: Site) -> None:
    slow = [f"{site.url}/slow/photos/1-8x8.jpg?delay_ms={500 * number}" for number in range(1, 5)]
    request_id = await upload(client, product_csv([[url] for url in slow]))
    seen = [event async for event in events_of(client, request_id)]
    assert [name for name, _ in seen] == ["status"] * (len(seen) - 1) + ["end"]
    shares = [float(data["progress"]["percentage"]) for _, data in seen]  # type: ignore[index]
    assert shares == sorted(shares)
    assert len(set(shares)) >= 3
    assert seen[-1][1] == await status_of(client, request_id)


async def test_events_of_an_ended_request_end_at_once(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await run(client, product_csv([[site.photo()]]))
    assert [name async for name, _ in events_of(client, request_id)] == ["status", "end"]


async def test_events_of_an_unknown_request_are_404(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/api/status/{uuid4()}/events")).status_code == 404


async def test_the_welcome_names_the_endpoints(client: httpx.AsyncClient) -> None:
    body = (await client.get("/")).json()
    assert (body["message"], body["docs"]) == ("Image Processing API", "/docs")
    assert "POST /api/upload" in body["endpoints"]


async def test_the_api_is_documented(client: httpx.AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 200
    paths = (await client.get("/openapi.json")).json()["paths"]
    for endpoint in (await client.get("/")).json()["endpoints"]:
        method, path = endpoint.split()
        assert method.lower() in paths[path]


async def test_health_answers_in_every_shape(client: httpx.AsyncClient) -> None:
    health = (await client.get("/health")).json()
    assert (health["status"], health["database"], health["broker"]) == ("healthy", True, True)
    body = (await client.get("/api/v1/health")).json()
    assert set(body) == {"success", "status_code", "message", "data", "error", "timestamp"}
    assert (body["success"], body["status_code"], body["error"]) == (True, 1000, None)
    assert set(body["data"]) == {"status", "version", "database", "broker", "redis", "config"}
    assert body["data"]["redis"] == "not used"
    assert body["timestamp"].endswith("Z")
    assert (await client.get("/health/live")).status_code == (await client.get("/health/ready")).status_code == 200


async def test_no_secret_shows_in_health_or_figures(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/api/v1/health", "/metrics", "/openapi.json"):
        text = (await client.get(path)).text.lower()
        assert "amqp://" not in text
        assert "postgresql://" not in text
        assert "whsec_m" not in text.replace("whsec_mfkq9r8gkyqrtwjupd8ilpzio2lalasw", "")
