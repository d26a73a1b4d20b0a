"""Asking again: Idempotency-Key, retry of what failed, restarts in the middle (rules 9 and 10, case 3-20)."""

import asyncio
import signal
from typing import Any
from uuid import uuid4

import httpx

from deploy.local.stack import Stack
from tests.builders import (
    Hooks,
    Site,
    details_of,
    download,
    images_of,
    post_csv,
    product_csv,
    read_rows,
    run,
    status_of,
    until_ended,
    upload,
)
from tests.eventually import eventually


def keyed() -> dict[str, str]:
    """An Idempotency-Key that was never used."""
    return {"Idempotency-Key": uuid4().hex}


async def test_the_same_key_and_upload_is_one_request(client: httpx.AsyncClient, site: Site) -> None:
    key, content = keyed(), product_csv([[site.photo()]])
    first, second = await post_csv(client, content, headers=key), await post_csv(client, content, headers=key)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()


async def test_the_same_key_for_something_else_is_422(client: httpx.AsyncClient, site: Site) -> None:
    key, content = keyed(), product_csv([[site.photo()]])
    await post_csv(client, content, headers=key)
    for other in (
        await post_csv(client, product_csv([[site.photo()]]), headers=key),
        await post_csv(client, content, headers=key, quality="70"),
    ):
        assert other.status_code == 422
        assert "Idempotency-Key" in other.json()["detail"]


async def test_a_crowd_with_one_key_makes_one_request(client: httpx.AsyncClient, site: Site, gateway_rows: Any) -> None:
    key, content = keyed(), product_csv([[url] for url in site.photos(300)])
    name = f"{uuid4().hex}.csv"
    answers = await asyncio.gather(*[post_csv(client, content, name=name, headers=key) for _ in range(12)])
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 409)
    assert len({answer.json()["request_id"] for answer in answers if answer.status_code == 200}) == 1
    assert await gateway_rows("SELECT count(*) FROM jobs WHERE file_name = $1", name) == [{"count": 1}]
    again = await post_csv(client, content, name=name, headers=key)
    assert again.status_code == 200
    await until_ended(client, again.json()["request_id"])


async def test_a_refused_upload_frees_its_key(client: httpx.AsyncClient, site: Site) -> None:
    key = keyed()
    assert (await post_csv(client, product_csv([["notaurl"]]), headers=key)).status_code == 400
    assert (await post_csv(client, product_csv([["notaurl"]]), headers=key)).status_code == 400
    assert (await post_csv(client, product_csv([[site.photo()]]), headers=key)).status_code == 200


async def test_keys_are_bounded(client: httpx.AsyncClient, site: Site) -> None:
    content = product_csv([[site.photo()]])
    assert (await post_csv(client, content, headers={"Idempotency-Key": "x" * 256})).status_code == 422
    assert (await post_csv(client, content, headers={"Idempotency-Key": "'; DROP TABLE jobs; --"})).status_code == 200


async def test_without_a_key_every_upload_is_a_request(client: httpx.AsyncClient, site: Site) -> None:
    content = product_csv([[site.photo()]])
    assert await upload(client, content) != await upload(client, content)


async def test_a_retry_runs_only_what_failed_and_calls_back_again(
    client: httpx.AsyncClient, site: Site, hooks: Hooks
) -> None:
    good = site.photo()
    recovering = f"{site.url}/flaky/4/photos/{uuid4().int % 10**6}-16x16.jpg?status=500"
    content = product_csv([[good, recovering], [f"{site.url}/missing.jpg"]])
    request_id = await run(client, content, webhook_url=hooks.target())
    before = await images_of(client, request_id)
    assert [image["problem"] for image in before] == [None, "http_500", "http_404"]
    assert len(read_rows(await download(client, request_id))) == 2
    answer = await client.post(f"/api/retry/{request_id}")
    assert answer.status_code == 200
    assert set(answer.json()) == {"request_id", "message", "status", "webhook_url"}
    await until_ended(client, request_id)
    after = await images_of(client, request_id)
    assert [image["problem"] for image in after] == [None, None, "http_404"]
    assert after[0] == before[0]
    assert (await site.counts())[site.target(good)] == 1
    rows = read_rows(await download(client, request_id))
    assert rows[0]["Output Image Urls"] == ",".join([after[0]["output_url"], after[1]["output_url"]])
    assert rows[0]["Problems"] == ""
    deliveries = await hooks.until_received(2)
    assert len({delivery["headers"]["webhook-id"] for delivery in deliveries}) == 2


async def test_a_retry_needs_something_that_failed(client: httpx.AsyncClient, site: Site) -> None:
    fine = await run(client, product_csv([[site.photo()]]))
    answer = await client.post(f"/api/retry/{fine}")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "the request has no failed images"
    running = await upload(client, product_csv([[f"{site.url}/slow/photos/1-8x8.jpg?delay_ms=1500"]]))
    assert (await client.post(f"/api/retry/{running}")).json()["detail"] == "the request has not ended"
    await until_ended(client, running)


async def test_retries_at_once_are_one_retry(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await run(client, product_csv([[f"{site.url}/status/404/{number}"] for number in range(20)]))
    answers = await asyncio.gather(*[client.post(f"/api/retry/{request_id}") for _ in range(6)])
    assert [answer.status_code for answer in answers].count(200) >= 1
    assert {answer.status_code for answer in answers} <= {200, 409}
    status = await until_ended(client, request_id)
    assert status["images"] == {"total": 20, "completed": 0, "failed": 20, "pending": 0}


async def test_a_retry_with_a_key_runs_once(client: httpx.AsyncClient, site: Site) -> None:
    missing = f"{site.url}/missing.jpg?{uuid4().hex}"
    request_id = await run(client, product_csv([[missing]]))
    key = keyed()
    first = await client.post(f"/api/retry/{request_id}", headers=key)
    await until_ended(client, request_id)
    second = await client.post(f"/api/retry/{request_id}", headers=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert (await site.counts())[site.target(missing)] == 2


async def test_a_retry_that_is_refused_frees_its_key(client: httpx.AsyncClient, site: Site) -> None:
    fine, key = await run(client, product_csv([[site.photo()]])), keyed()
    for _ in range(2):
        assert (await client.post(f"/api/retry/{fine}", headers=key)).status_code == 409


async def test_3_20_a_restart_in_the_middle_loses_and_repeats_nothing(
    client: httpx.AsyncClient, stack: Stack, site: Site, hooks: Hooks
) -> None:
    content = product_csv([[f"{site.url}/slow{site.target(photo)}&delay_ms=150"] for photo in site.photos(200)])
    request_id = await upload(client, content, webhook_url=hooks.target())

    async def is_under_way() -> None:
        assert (await status_of(client, request_id))["images"]["completed"] >= 20

    await eventually(is_under_way, 20)
    for service in ("gateway", "fetcher", "enhancer", "exporter", "ledger"):
        stack.kill(service, signal.SIGTERM)
    assert await asyncio.to_thread(stack.wait_healthy, ("gateway", "fetcher", "enhancer", "exporter"), 40)
    status = await until_ended(client, request_id)
    assert status["images"] == {"total": 200, "completed": 200, "failed": 0, "pending": 0}
    (delivery,) = await hooks.until_received(1)
    assert delivery["json"]["request_id"] == request_id
    details = await details_of(client, request_id)
    outputs = [image["output_url"] for product in details["products"] for image in product["images"]]
    assert len(set(outputs)) == 200
