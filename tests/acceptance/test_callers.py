"""Who is let in: by which key, where without one, and in each door's own words when not."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from deploy.local.stack import Stack
from tests.callers import Caller, admin_client, new_caller, new_key
from tests.eventually import eventually

NEVER_MADE = "dk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAA"
REVOKED_SECONDS_MAX = 5
ADMIN_CALLS = (
    ("GET", "/api/admin/accounts"),
    ("POST", "/api/admin/accounts"),
    ("GET", "/api/admin/accounts/local"),
    ("GET", "/api/admin/accounts/local/keys"),
    ("POST", "/api/admin/accounts/local/keys"),
    ("DELETE", "/api/admin/keys/01a1fc40-a233-74a1-9e9b-61c09a16c5cf"),
)
MALFORMED: tuple[bytes, ...] = (
    b"x",
    b"dk_",
    b"dk_0123456789ab",
    b"dk_0123456789ab_tooshort",
    NEVER_MADE.encode() + b"A",
    NEVER_MADE.upper().encode(),
    "dk_0123456789ab_ÄÄÄÄÄÄÄÄÄÄÄ".encode(),
    b"dk_0123456789ab_\xff\xfe\xfd",
    b"' OR true --",
    b"A" * 30_000,
)

each_admin_call = pytest.mark.parametrize(("method", "path"), ADMIN_CALLS)
"""Every operation of the admin API."""


@pytest.fixture
async def alice(stack: Stack) -> AsyncIterator[Caller]:
    """A fresh account with a key."""
    async with await new_caller(stack) as opened:
        yield opened


@each_admin_call
async def test_the_admin_api_asks_for_a_key(client: httpx.AsyncClient, method: str, path: str) -> None:
    for content in (b"{}", b"not json"):
        answer = await client.request(method, path, content=content)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


@each_admin_call
async def test_the_admin_api_is_not_for_other_keys(alice: Caller, method: str, path: str) -> None:
    for content in (b"{}", b"not json"):
        answer = await alice.request(method, path, content=content)
        assert answer.status_code == 403
        assert answer.json()["title"] == "Forbidden"
        assert "www-authenticate" not in answer.headers


async def test_a_key_that_is_no_admin_key_stays_none_beside_one_that_is(stack: Stack, alice: Caller) -> None:
    async with admin_client(stack) as operator:
        promoted = await new_key(operator, alice.account_id, admin=True)
    async with Caller(stack, alice.account_id, promoted) as chief:
        assert (await chief.get("/api/admin/accounts")).status_code == 200
    assert (await alice.get("/api/admin/accounts")).status_code == 403


@pytest.mark.parametrize("key", MALFORMED)
@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_a_malformed_key_is_refused_and_never_a_fault(client: httpx.AsyncClient, header: str, key: bytes) -> None:
    value = b"Bearer " + key if header == "Authorization" else key
    answer = await client.get("/api/webhooks/secret", headers=[(header.encode(), value)])
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


@pytest.mark.parametrize("headers", [{"X-API-Key": ""}, {"Authorization": "Bearer"}])
async def test_an_empty_key_is_a_wrong_one(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.get("/api/webhooks/secret", headers=headers)).status_code == 401


async def test_a_wrong_key_is_refused_where_none_is_needed(client: httpx.AsyncClient) -> None:
    path = "/api/status/01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
    assert (await client.get(path)).status_code == 404
    answer = await client.get(path, headers={"X-API-Key": NEVER_MADE})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_health_needs_no_key_and_looks_at_none(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/api/v1/health", "/"):
        assert (await client.get(path, headers={"X-API-Key": NEVER_MADE})).status_code == 200


@pytest.mark.parametrize(
    ("path", "envelope"),
    [
        ("/api/nothing", {"detail": "Not Found"}),
        ("/api/upload/nothing", {"detail": "Not Found"}),
        ("/api/image", {"detail": "Not Found"}),
        ("/api/albums/x/y/z/nothing", {"error": "Not Found"}),
        ("/api/images/x/y/z/nothing", {"error": "Not Found"}),
        ("/api/tokens/nothing", {"error": "Not Found"}),
        ("/api/admin/nothing", {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Not Found"}),
    ],
)
async def test_an_unknown_path_is_unknown_in_its_doors_words(
    client: httpx.AsyncClient, path: str, envelope: dict[str, object]
) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()) == (404, envelope)


@pytest.mark.parametrize(
    ("method", "path", "allowed", "name"),
    [
        ("GET", "/api/upload", "POST", "detail"),
        ("DELETE", "/api/status/01a1fc40-a233-74a1-9e9b-61c09a16c5cf", "GET", "detail"),
        ("PUT", "/api/admin/accounts/local", "GET", "title"),
        ("PUT", "/api/albums/album-1", "DELETE, GET, PATCH", "error"),
        ("PUT", "/api/images/enhance", "POST", "error"),
        ("PATCH", "/api/admin/accounts", "GET, POST", "title"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    client: httpx.AsyncClient, method: str, path: str, allowed: str, name: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()[name] == "Method Not Allowed"


async def test_a_key_that_another_gateway_revoked_ends_within_seconds(stack: Stack, alice: Caller) -> None:
    async def calls() -> int:
        return (await alice.get("/api/webhooks/secret")).status_code

    assert await calls() == 200
    connection = await asyncpg.connect(stack.urls.postgres["gateway"])
    await connection.execute("UPDATE api_keys SET revoked_at = now() WHERE account_id = $1", alice.account_id)
    await connection.close()

    async def is_refused() -> None:
        assert await calls() == 401

    await eventually(is_refused, REVOKED_SECONDS_MAX)
    assert {await calls() for _ in range(20)} == {401}


async def test_parallel_calls_with_one_key_all_get_in(alice: Caller) -> None:
    answers = await asyncio.gather(*(alice.get("/api/webhooks/secret") for _ in range(60)))
    assert {answer.status_code for answer in answers} == {200}
