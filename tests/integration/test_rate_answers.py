"""The albums door's limits on an endpoint of its own kind: in which order, in whose words, on every answer."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, Request

from deploy.local.stack import Stack
from services.gateway.api.app import create_app
from services.gateway.api.callers import KeyedAccountOf, VisitorOf
from services.gateway.api.rate_limits import limited
from services.gateway.ports import Ports
from shared.prices import Prices
from tests.callers import new_caller
from tests.gateway_ports import open_ports

CALLS, SECONDS = 3, 60
MESSAGE = "Rate limit exceeded for batch enhancement"
router = APIRouter(prefix="/api/albums/rates/of")


@router.post("/limited", dependencies=[limited("enhance", "enhance_rate", MESSAGE)])
async def enhance(request: Request, account_id: str = KeyedAccountOf) -> dict[str, str]:
    """Reads its own body, and fails at what it finds there."""
    found = await request.json()
    return {"account": account_id, "found": found["key"]}


@router.get("/open")
async def look(visitor: str | None = VisitorOf) -> dict[str, str | None]:
    """Open to all."""
    return {"visitor": visitor}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(stack: Stack) -> AsyncIterator[Ports]:
    """The gateway's own, with a limit that is met soon."""
    async with open_ports(stack, Prices(), enhance_rate=f"{CALLS}/{SECONDS}") as opened:
        yield opened


@pytest.fixture
async def alice(stack: Stack, ports: Ports) -> AsyncIterator[httpx.AsyncClient]:
    """A fresh account, calling an application with these endpoints."""
    app = create_app(ports)
    app.include_router(router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with await new_caller(stack) as caller:
        headers = {"X-API-Key": caller.key}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as opened:
            yield opened


async def test_over_the_limit_a_call_is_refused_in_the_doors_words(alice: httpx.AsyncClient) -> None:
    answers = [await alice.post("/api/albums/rates/of/limited", json={"key": "x"}) for _ in range(CALLS + 1)]
    assert [answer.status_code for answer in answers] == [200] * CALLS + [429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    refused = answers[-1]
    seconds = int(refused.headers["retry-after"])
    assert 0 < seconds <= SECONDS
    assert refused.json() == {"error": MESSAGE, "retryAfter": seconds * 1000}
    assert len({answer.headers["x-ratelimit-reset"] for answer in answers}) == 1
    assert len(refused.headers["x-ratelimit-reset"]) == len("1700000000000")


async def test_calls_that_fail_are_counted_and_the_limit_comes_before_the_body(alice: httpx.AsyncClient) -> None:
    answers = [await alice.post("/api/albums/rates/of/limited", content=b"not json") for _ in range(CALLS + 1)]
    assert [answer.status_code for answer in answers] == [500] * CALLS + [429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["999", "998", "997", "996"]


async def test_who_is_not_known_is_not_counted(alice: httpx.AsyncClient) -> None:
    wrong = {"X-API-Key": "dk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAA"}
    for _ in range(CALLS + 1):
        answer = await alice.post("/api/albums/rates/of/limited", headers=wrong)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (await alice.post("/api/albums/rates/of/limited", json={"key": "x"})).status_code == 200


async def test_the_hourly_limit_comes_first_and_says_when_in_milliseconds(
    alice: httpx.AsyncClient, ports: Ports
) -> None:
    account_id = (await alice.post("/api/albums/rates/of/limited", json={"key": "x"})).json()["account"]
    async with ports.database.connection() as connection:
        await connection.execute("UPDATE rate_windows SET calls = 1000 WHERE account_id = $1", account_id)
    refused = await alice.post("/api/albums/rates/of/limited", json={"key": "x"})
    assert refused.status_code == 429
    assert refused.json()["retryAfter"] == int(refused.headers["retry-after"]) * 1000
    assert "1000 requests per hour" in refused.json()["error"]
    assert "x-ratelimit-limit" not in refused.headers


async def test_an_open_place_counts_who_shows_a_key(alice: httpx.AsyncClient) -> None:
    known = await alice.get("/api/albums/rates/of/open")
    assert known.json()["visitor"]
    assert known.headers["ratelimit-remaining"] == "999"
    del alice.headers["X-API-Key"]
    stranger = await alice.get("/api/albums/rates/of/open")
    assert stranger.json() == {"visitor": None}
    assert "ratelimit" not in stranger.headers
