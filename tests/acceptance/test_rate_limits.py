"""Requests per hour: counted over all gateways and restarts, told in every answer, refused beyond the limit."""

import re
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.callers import Caller, admin_client, new_caller
from tests.eventually import eventually
from tests.second_gateway import second_gateway
from tests.stacks import running_stack

LIMIT, LOCAL_LIMIT = 6, 4
SETTINGS = {"DARKROOM_REQUESTS_PER_HOUR": str(LIMIT), "DARKROOM_LOCAL_REQUESTS_PER_HOUR": str(LOCAL_LIMIT)}
COUNTED = "/api/webhooks/secret"
UNKNOWN = "/api/status/01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
REVOKED_SECONDS_MAX = 5


@pytest.fixture(scope="module")
def limited_stack() -> Iterator[Stack]:
    """A system that allows few requests."""
    with running_stack(settings=SETTINGS) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other_gateway(limited_stack: Stack) -> AsyncIterator[str]:
    """The URL of a second gateway of that system."""
    with second_gateway(limited_stack, SETTINGS) as url:
        yield url


@pytest.fixture
async def alice(limited_stack: Stack) -> AsyncIterator[Caller]:
    """An account that has not called yet."""
    async with await new_caller(limited_stack) as opened:
        yield opened


def remaining(answer: httpx.Response) -> int:
    """How many calls are left, after looking whether all headers say the same."""
    limit, left, reset = (int(answer.headers[f"ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))
    assert answer.headers["ratelimit-policy"] == f'"requests";q={limit};w=3600'
    assert answer.headers["ratelimit"] == f'"requests";r={left};t={reset}'
    assert 0 < reset <= 3600
    return left


async def end_windows(stack: Stack, account_id: str) -> None:
    """Let an account's windows have begun an hour ago."""
    connection = await asyncpg.connect(stack.urls.postgres["gateway"])
    sql = "UPDATE rate_windows SET started_at = started_at - interval '1 hour' WHERE account_id = $1"
    await connection.execute(sql, account_id)
    await connection.close()


async def test_calls_are_counted_whatever_comes_of_them_and_refused_over_the_limit(alice: Caller) -> None:
    answers = [await alice.get(path) for path in (COUNTED, UNKNOWN, COUNTED)]
    answers.append(await alice.post("/api/upload"))
    answers.append(await alice.post("/api/upload", files={"file": ("x.csv", b"no columns")}))
    answers.append(await alice.get("/api/status/malformed"))
    assert [answer.status_code for answer in answers] == [200, 404, 200, 422, 400, 404]
    assert [remaining(answer) for answer in answers] == [5, 4, 3, 2, 1, 0]
    refused = await alice.get(COUNTED)
    assert (refused.status_code, remaining(refused)) == (429, 0)
    assert refused.json() == {"detail": f"Rate limit of {LIMIT} requests per hour exceeded"}
    assert 0 < int(refused.headers["retry-after"]) <= 3600


async def test_a_window_ends_an_hour_after_its_first_call(limited_stack: Stack, alice: Caller) -> None:
    statuses = [(await alice.get(COUNTED)).status_code for _ in range(LIMIT + 2)]
    assert statuses == [200] * LIMIT + [429] * 2
    await end_windows(limited_stack, alice.account_id)
    answer = await alice.get(COUNTED)
    assert (answer.status_code, remaining(answer)) == (200, LIMIT - 1)


async def test_accounts_are_counted_apart(limited_stack: Stack, alice: Caller) -> None:
    async with await new_caller(limited_stack) as bob:
        for _ in range(LIMIT + 1):
            await alice.get(COUNTED)
        assert remaining(await bob.get(COUNTED)) == LIMIT - 1


async def test_callers_without_a_key_are_counted_where_a_setting_says_so(limited_stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=limited_stack.urls.gateway) as caller:
        answers = [await caller.get(UNKNOWN) for _ in range(LOCAL_LIMIT + 1)]
    assert [answer.status_code for answer in answers] == [404] * LOCAL_LIMIT + [429]


async def test_callers_without_a_key_are_not_counted_by_default(client: httpx.AsyncClient) -> None:
    answer = await client.get(UNKNOWN)
    assert not [name for name in answer.headers if re.search("ratelimit", name)]


@pytest.mark.parametrize("path", ["/", "/health", "/health/live", "/api/v1/health", "/docs", "/openapi.json"])
async def test_what_needs_no_account_is_not_counted(alice: Caller, path: str) -> None:
    answer = await alice.get(path)
    assert "ratelimit" not in answer.headers
    assert remaining(await alice.get(COUNTED)) == LIMIT - 1


async def test_the_admin_api_is_not_counted(limited_stack: Stack) -> None:
    async with admin_client(limited_stack) as operator:
        answers = [await operator.get("/api/admin/accounts") for _ in range(LIMIT + 2)]
    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[-1].headers


async def test_an_unknown_key_is_not_counted_as_anybody(limited_stack: Stack) -> None:
    headers = {"X-API-Key": "dk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAA"}
    async with httpx.AsyncClient(base_url=limited_stack.urls.gateway, headers=headers) as stranger:
        answers = [await stranger.get(COUNTED) for _ in range(LIMIT + 2)]
    assert {answer.status_code for answer in answers} == {401}
    assert "ratelimit" not in answers[0].headers


async def test_all_gateways_count_together(alice: Caller, other_gateway: str) -> None:
    async with httpx.AsyncClient(base_url=other_gateway, headers={"X-API-Key": alice.key}) as elsewhere:
        found = [remaining(await caller.get(COUNTED)) for _ in range(LIMIT // 2) for caller in (alice, elsewhere)]
        assert found == list(range(LIMIT - 1, -1, -1))
        assert [(await caller.get(COUNTED)).status_code for caller in (alice, elsewhere)] == [429, 429]


async def test_a_key_revoked_at_one_gateway_ends_at_all_within_seconds(
    limited_stack: Stack, alice: Caller, other_gateway: str
) -> None:
    async with (
        httpx.AsyncClient(base_url=other_gateway, headers={"X-API-Key": alice.key}) as elsewhere,
        admin_client(limited_stack) as operator,
    ):
        assert (await elsewhere.get(COUNTED)).status_code == 200
        keys = (await operator.get(f"/api/admin/accounts/{alice.account_id}/keys")).json()["keys"]
        assert (await operator.delete(f"/api/admin/keys/{keys[0]['key_id']}")).status_code == 200
        assert (await alice.get(COUNTED)).status_code == 401

        async def is_refused() -> None:
            assert (await elsewhere.get(COUNTED)).status_code in (401, 429)
            assert (await elsewhere.get("/api/admin/accounts")).status_code == 401

        await eventually(is_refused, REVOKED_SECONDS_MAX)


async def test_a_second_gateway_makes_no_second_admin_key(limited_stack: Stack, other_gateway: str) -> None:
    async with admin_client(limited_stack) as operator:
        (key,) = (await operator.get("/api/admin/accounts/admin/keys")).json()["keys"]
    assert operator.key.startswith(key["handle"])


async def test_a_restart_of_the_gateway_keeps_accounts_keys_and_counts(limited_stack: Stack, alice: Caller) -> None:
    assert remaining(await alice.get(COUNTED)) == LIMIT - 1
    limited_stack.kill("gateway")

    async def goes_on() -> None:
        try:
            assert remaining(await alice.get(COUNTED)) == LIMIT - 2
        except httpx.TransportError as error:
            raise AssertionError(f"not back yet: {error!r}") from error

    await eventually(goes_on, 30)
    async with admin_client(limited_stack) as operator:
        assert (await operator.get(f"/api/admin/accounts/{alice.account_id}")).status_code == 200
