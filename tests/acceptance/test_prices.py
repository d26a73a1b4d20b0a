"""Work with a price: held before it begins, captured image by image, given back for what failed."""

import signal
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.local.stack import Stack
from services.gateway import control
from services.gateway.ports import Ports
from shared.prices import Prices
from tests.builders import Site, images_of, product_csv, run, status_of, until_ended, upload
from tests.conftest import OPENING_TOKENS
from tests.eventually import eventually, throughout
from tests.gateway_ports import open_ports
from tests.invariants import ask, assert_consistent

LOCAL = "local"
PRICE = 2


@pytest.fixture
async def ports(priced_stack: Stack) -> AsyncIterator[Ports]:
    """The ports of the gateway that has prices."""
    async with open_ports(priced_stack, Prices(prices={"products": PRICE})) as opened:
        yield opened


async def account(stack: Stack) -> tuple[int, int]:
    """The account's posted and held tokens, as the ledger has them."""
    rows = await ask(stack.urls.postgres["ledger"], f"SELECT posted, held FROM accounts WHERE account_id = '{LOCAL}'")
    return (rows[0]["posted"], rows[0]["held"]) if rows else (OPENING_TOKENS, 0)


async def holds_of(stack: Stack, request_id: str) -> list[dict[str, Any]]:
    """The holds of a request, run by run."""
    sql = f"""
        SELECT run, images_total, amount, captured, voided, state FROM holds
        WHERE job_id = '{UUID(request_id)}' ORDER BY run
    """
    return await ask(stack.urls.postgres["ledger"], sql)


async def until_account_has(stack: Stack, posted: int, held: int = 0) -> None:
    """Wait until the ledger has settled what it was told."""

    async def settled() -> None:
        assert await account(stack) == (posted, held)

    await eventually(settled, 10)


async def test_images_are_paid_for_when_they_succeed_and_not_when_they_fail(
    priced_client: httpx.AsyncClient, priced_stack: Stack, site: Site
) -> None:
    before, _ = await account(priced_stack)
    missing = f"{site.url}/missing.jpg"
    request_id = await run(priced_client, product_csv([site.photos(5), [missing, site.photo()], [missing]]))
    await until_account_has(priced_stack, before - 6 * PRICE)
    (hold,) = await holds_of(priced_stack, request_id)
    assert (hold["amount"], hold["captured"], hold["voided"]) == (8 * PRICE, 6 * PRICE, 2 * PRICE)
    await assert_consistent(priced_stack.urls)


async def test_a_retry_holds_only_what_failed(
    priced_client: httpx.AsyncClient, priced_stack: Stack, site: Site
) -> None:
    before, _ = await account(priced_stack)
    recovering = f"{site.url}/flaky/4/photos/{uuid4().int % 10**6}-16x16.jpg?status=500"
    request_id = await run(priced_client, product_csv([site.photos(3), [recovering], [f"{site.url}/missing.jpg"]]))
    await until_account_has(priced_stack, before - 3 * PRICE)
    assert (await priced_client.post(f"/api/retry/{request_id}")).status_code == 200
    await until_ended(priced_client, request_id)
    await until_account_has(priced_stack, before - 4 * PRICE)
    first, second = await holds_of(priced_stack, request_id)
    assert (first["images_total"], first["captured"], first["voided"]) == (5, 3 * PRICE, 2 * PRICE)
    assert (second["images_total"], second["captured"], second["voided"]) == (2, PRICE, PRICE)
    await assert_consistent(priced_stack.urls)


async def test_a_request_that_cannot_be_paid_fails_and_fetches_nothing(
    priced_client: httpx.AsyncClient, priced_stack: Stack, site: Site
) -> None:
    before = await account(priced_stack)
    urls = site.photos(OPENING_TOKENS // PRICE + 1)
    request_id = await upload(priced_client, product_csv([[url] for url in urls]))
    status = await until_ended(priced_client, request_id)
    assert status["status"] == "failed"
    assert status["images"] == {"total": len(urls), "completed": 0, "failed": len(urls), "pending": 0}
    assert not {site.target(url) for url in urls} & set(await site.counts())
    assert await account(priced_stack) == before
    (hold,) = await holds_of(priced_stack, request_id)
    assert hold["state"] == "declined"
    assert status["problem"] == "tokens_declined"
    assert {image["status"] for image in await images_of(priced_client, request_id)} == {"cancelled"}
    await assert_consistent(priced_stack.urls)


async def test_a_request_that_waits_for_its_tokens_can_be_cancelled(
    priced_client: httpx.AsyncClient, priced_stack: Stack, ports: Ports, site: Site
) -> None:
    before = await account(priced_stack)
    urls = site.photos(40)
    priced_stack.kill("ledger", signal.SIGSTOP)
    try:
        request_id = await upload(priced_client, product_csv([[url] for url in urls]))

        async def waits() -> None:
            assert (await status_of(priced_client, request_id))["status"] == "pending"

        await throughout(1, waits)
        await control.cancel(ports, LOCAL, UUID(request_id))
        status = await until_ended(priced_client, request_id)
        assert status["images"]["failed"] == 40
    finally:
        priced_stack.kill("ledger", signal.SIGCONT)
    await assert_consistent(priced_stack.urls)
    assert await account(priced_stack) == before
    assert not {site.target(url) for url in urls} & set(await site.counts())


async def test_a_cancelled_request_is_paid_as_far_as_it_came(
    priced_client: httpx.AsyncClient, priced_stack: Stack, ports: Ports, site: Site
) -> None:
    before, _ = await account(priced_stack)
    content = product_csv([[f"{site.url}/slow{site.target(url)}&delay_ms=60"] for url in site.photos(500)])
    request_id = await upload(priced_client, content, operation="copy")

    async def under_way() -> None:
        assert (await status_of(priced_client, request_id))["images"]["completed"] > 20

    await eventually(under_way, 20)
    await control.cancel(ports, LOCAL, UUID(request_id))
    status = await until_ended(priced_client, request_id)
    assert 20 < status["images"]["completed"] < 500
    await until_account_has(priced_stack, before - PRICE * status["images"]["completed"])
    await assert_consistent(priced_stack.urls)
