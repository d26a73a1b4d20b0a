"""Webhooks: called once at the end, signed, tried again, logged, sent again (case 3-15)."""

import secrets
from base64 import b64encode
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.builders import Hooks, Site, post_csv, product_csv, run, until_ended, upload
from tests.eventually import eventually

FIELDS = {
    "request_id",
    "status",
    "total_products",
    "processed_products",
    "completion_percentage",
    "timestamp",
}


async def secret_of(client: httpx.AsyncClient) -> str:
    """The account's present secret."""
    return str((await client.get("/api/webhooks/secret")).json()["secret"])


def verify(delivery: dict[str, Any], secret: str) -> None:
    """Verify as a receiver would; raises WebhookVerificationError."""
    Webhook(secret).verify(delivery["body"].encode(), delivery["headers"])


async def log_of(client: httpx.AsyncClient, request_id: str) -> list[dict[str, Any]]:
    """The deliveries of a request."""
    return list((await client.get(f"/api/webhooks/{request_id}")).json()["deliveries"])


async def until_logged(client: httpx.AsyncClient, request_id: str, *states: str) -> list[dict[str, Any]]:
    """Wait until the log shows deliveries in these states."""

    async def logged() -> list[dict[str, Any]]:
        found = await log_of(client, request_id)
        assert [delivery["state"] for delivery in found] == list(states), found
        return found

    return await eventually(logged, 20)


async def test_3_15_the_webhook_is_called_once_with_its_six_fields(
    client: httpx.AsyncClient, site: Site, hooks: Hooks
) -> None:
    request_id = await run(client, product_csv([[site.photo()], [site.photo()]]), webhook_url=hooks.target())
    (delivery,) = await hooks.until_received(1)
    body = delivery["json"]
    assert set(body) >= FIELDS
    assert body["request_id"] == request_id
    assert (body["status"], body["total_products"], body["processed_products"]) == ("completed", 2, 2)
    assert body["completion_percentage"] == 100.0
    assert datetime.fromisoformat(body["timestamp"]).tzinfo
    assert delivery["headers"]["content-type"].startswith("application/json")
    verify(delivery, await secret_of(client))
    (logged,) = await until_logged(client, request_id, "delivered")
    assert logged["message_id"] == delivery["headers"]["webhook-id"]
    assert [attempt["status"] for attempt in logged["attempts"]] == [204]
    assert len(await hooks.received()) == 1


async def test_3_15_a_refused_webhook_is_sent_again_under_the_same_id(
    client: httpx.AsyncClient, site: Site, hooks: Hooks
) -> None:
    target = hooks.target(fail=1, status=500)
    request_id = await run(client, product_csv([[site.photo()]]), webhook_url=target)
    (pending,) = await until_logged(client, request_id, "pending")
    assert pending["next_attempt_at"]
    first, second = await hooks.until_received(2)
    assert (first["status"], second["status"]) == (500, 204)
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert int(second["headers"]["webhook-timestamp"]) > int(first["headers"]["webhook-timestamp"])
    assert first["body"] == second["body"]
    verify(second, await secret_of(client))
    (logged,) = await until_logged(client, request_id, "delivered")
    assert [(attempt["attempt"], attempt["status"]) for attempt in logged["attempts"]] == [(1, 500), (2, 204)]


async def test_3_15_the_webhook_is_called_for_a_failed_request_too(
    client: httpx.AsyncClient, site: Site, hooks: Hooks
) -> None:
    await run(client, product_csv([[f"{site.url}/missing.jpg"]]), webhook_url=hooks.target())
    (delivery,) = await hooks.until_received(1)
    assert delivery["json"]["status"] == "failed"
    assert delivery["json"]["processed_products"] == 1


async def test_a_receiver_that_is_gone_is_not_asked_again(client: httpx.AsyncClient, site: Site, hooks: Hooks) -> None:
    request_id = await run(client, product_csv([[site.photo()]]), webhook_url=hooks.target(fail=9, status=410))
    (logged,) = await until_logged(client, request_id, "abandoned")
    assert len(logged["attempts"]) == 1
    assert logged["next_attempt_at"] is None


async def test_a_redirect_is_not_followed(client: httpx.AsyncClient, site: Site, hooks: Hooks) -> None:
    request_id = await run(client, product_csv([[site.photo()]]), webhook_url=hooks.target(fail=9, status=302))
    (logged,) = await until_logged(client, request_id, "pending")
    assert logged["attempts"][0]["status"] == 302


async def test_a_webhook_can_be_sent_again_by_hand(client: httpx.AsyncClient, site: Site, hooks: Hooks) -> None:
    request_id = await run(client, product_csv([[site.photo()]]), webhook_url=hooks.target())
    await hooks.until_received(1)
    await until_logged(client, request_id, "delivered")
    answer = await client.post(f"/api/webhooks/{request_id}/resend")
    assert answer.status_code == 202
    first, second = await hooks.until_received(2)
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["body"] == second["body"]
    logged = await until_logged(client, request_id, "delivered", "delivered")
    assert answer.json()["delivery_id"] in [delivery["delivery_id"] for delivery in logged]


async def test_nothing_is_sent_again_that_was_never_sent(client: httpx.AsyncClient, site: Site, hooks: Hooks) -> None:
    without = await run(client, product_csv([[site.photo()]]))
    answer = await client.post(f"/api/webhooks/{without}/resend")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    slow = f"{site.url}/slow/photos/1-8x8.jpg?delay_ms=1500"
    running = await upload(client, product_csv([[slow]]), webhook_url=hooks.target())
    assert (await client.post(f"/api/webhooks/{running}/resend")).status_code == 409
    await until_ended(client, running)


async def test_an_upload_may_bring_its_own_secret(client: httpx.AsyncClient, site: Site, hooks: Hooks) -> None:
    own = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    await run(client, product_csv([[site.photo()]]), webhook_url=hooks.target(), webhook_secret=own)
    (delivery,) = await hooks.until_received(1)
    verify(delivery, own)
    with pytest.raises(WebhookVerificationError):
        verify(delivery, await secret_of(client))


async def test_after_a_rotation_both_secrets_verify(client: httpx.AsyncClient, site: Site, hooks: Hooks) -> None:
    old = await secret_of(client)
    rotated = (await client.post("/api/webhooks/secret/rotate")).json()
    assert rotated["previous_secret"] == old
    assert rotated["secret"] == await secret_of(client) != old
    await run(client, product_csv([[site.photo()]]), webhook_url=hooks.target())
    (delivery,) = await hooks.until_received(1)
    verify(delivery, old)
    verify(delivery, rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        verify({**delivery, "body": delivery["body"].replace("completed", "cancelled")}, old)


async def test_a_webhook_that_may_not_be_called_is_refused_at_the_upload(client: httpx.AsyncClient) -> None:
    for url in ("http://169.254.169.254/hook", "http://10.1.2.3/hook", "http://127.1/hook", "http://a:b@x.example/"):
        answer = await post_csv(client, product_csv([["http://127.0.0.1/1.jpg"]]), webhook_url=url)
        assert answer.status_code == 400
        assert answer.json()["problem"] in ("address_forbidden", "url_invalid")


async def test_the_log_of_a_request_without_a_webhook_is_empty(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await run(client, product_csv([[site.photo()]]))
    answer = await client.get(f"/api/webhooks/{request_id}")
    assert answer.json() == {"request_id": request_id, "webhook_url": None, "deliveries": []}
    assert (await client.get(f"/api/webhooks/{uuid4()}")).status_code == 404


async def test_the_secret_is_nowhere_in_the_open(
    client: httpx.AsyncClient, site: Site, hooks: Hooks, gateway_rows: Any
) -> None:
    own = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    request_id = await run(client, product_csv([[site.photo()]]), webhook_url=hooks.target(), webhook_secret=own)
    (row,) = await gateway_rows("SELECT * FROM jobs WHERE job_id = $1", request_id)
    shown = f"{row} {(await client.get(f'/api/details/{request_id}')).text} {await log_of(client, request_id)}"
    assert own not in shown
    assert own.removeprefix("whsec_") not in shown
