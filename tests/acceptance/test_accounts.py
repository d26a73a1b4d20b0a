"""Accounts and API keys over HTTP: made, listed, used, revoked; who is let in where, and in what words not."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from deploy.local.stack import Stack
from tests.builders import UNKNOWN_ID, Json
from tests.callers import Caller, admin_client, available, new_caller, new_key
from tests.eventually import eventually

OPEN = "/api/webhooks/secret"
"""Answers whoever has a key."""
NOTED_SECONDS_MAX = 15
PROBLEM = "application/problem+json"


@pytest.fixture
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    """Who has the first admin key."""
    async with admin_client(stack) as opened:
        yield opened


@pytest.fixture
async def alice(stack: Stack) -> AsyncIterator[Caller]:
    """A fresh account with a key."""
    async with await new_caller(stack) as opened:
        yield opened


def assert_problem(answer: httpx.Response, status: int) -> Json:
    """An answer that is problem details; gives them."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    problem = dict(answer.json())
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


async def keys_of(operator: Caller, account_id: str) -> list[Json]:
    """An account's keys as the operator sees them."""
    answer = await operator.get(f"/api/admin/accounts/{account_id}/keys")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["keys"])


async def test_a_new_account_calls_with_its_key_by_either_header(alice: Caller) -> None:
    assert (await alice.get(OPEN)).status_code == 200
    async with httpx.AsyncClient(base_url=alice.base_url, headers={"Authorization": f"bearer {alice.key}"}) as bearer:
        assert (await bearer.get(OPEN)).json() == (await alice.get(OPEN)).json()


async def test_accounts_are_apart(stack: Stack, alice: Caller, client: httpx.AsyncClient) -> None:
    async with await new_caller(stack) as bob:
        secrets = {(await caller.get(OPEN)).json()["secret"] for caller in (alice, bob, client)}
    assert len(secrets) == 3


async def test_an_account_is_made_once_and_shown_with_its_tokens(stack: Stack, operator: Caller) -> None:
    account_id = f"acme-{uuid4().hex[:8]}"
    made = await operator.post("/api/admin/accounts", json={"account_id": account_id, "name": "Acme [Möbel] & Co"})
    assert made.status_code == 201
    assert made.json().keys() == {"account_id", "name", "created_at"}
    again = await operator.post("/api/admin/accounts", json={"account_id": account_id})
    assert account_id in assert_problem(again, 409)["detail"]
    found = (await operator.get(f"/api/admin/accounts/{account_id}")).json()
    assert (found["name"], found["created_at"]) == ("Acme [Möbel] & Co", made.json()["created_at"])


async def test_the_ledger_opens_an_account_when_it_is_told_of_it(stack: Stack, operator: Caller) -> None:
    async with await new_caller(stack, tokens=7) as caller:
        assert await available(stack, caller.account_id) == 7
        account = (await operator.get(f"/api/admin/accounts/{caller.account_id}")).json()
        assert (account["available"], account["held"]) == (7, 0)


async def test_every_account_is_listed_once_page_by_page(operator: Caller, alice: Caller) -> None:
    listed: list[str] = []
    while True:
        page = (await operator.get("/api/admin/accounts", params={"limit": 2, "offset": len(listed)})).json()
        assert (page["limit"], page["offset"]) == (2, len(listed))
        listed += [each["account_id"] for each in page["accounts"]]
        if len(listed) >= page["total"]:
            break
    assert len(listed) == len(set(listed))
    assert {"local", "admin", alice.account_id} <= set(listed)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        '{"account_id": 7}',
        '{"account_id": ""}',
        '{"account_id": "Upper"}',
        '{"account_id": "-first"}',
        '{"account_id": "line\\n"}',
        '{"account_id": "a/b"}',
        '{"account_id": "null\\u0000"}',
        '{"account_id": "half\\ud800"}',
        f'{{"account_id": "{"a" * 64}"}}',
        '{"account_id": "fine", "name": "nul\\u0000"}',
        '{"account_id": "fine", "name": "half\\ud800"}',
        '{"account_id": "fine", "name": ["list"]}',
        f'{{"account_id": "fine", "name": "{"n" * 201}"}}',
        '{"account_id": "fine", "nmae": "misspelt"}',
        "[" * 5_000,
    ],
)
async def test_a_malformed_account_is_refused_in_one_sentence(operator: Caller, body: str) -> None:
    assert_problem(await operator.post("/api/admin/accounts", content=body.encode()), 422)


async def test_a_body_that_is_too_large_is_refused(operator: Caller) -> None:
    assert_problem(await operator.post("/api/admin/accounts", content=b" " * 70_000), 413)


async def test_a_repeat_with_its_idempotency_key_is_answered_as_the_first(operator: Caller) -> None:
    body = {"account_id": f"twice-{uuid4().hex[:8]}"}
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = [await operator.post("/api/admin/accounts", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.status_code == 201
    other = await operator.post("/api/admin/accounts", json={**body, "name": "other"}, headers=headers)
    assert_problem(other, 422)


async def test_an_idempotency_key_of_a_refused_request_is_free_again(operator: Caller) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    for _ in range(2):
        assert_problem(await operator.post("/api/admin/accounts", json={"account_id": "local"}, headers=headers), 409)


async def test_of_parallel_requests_for_one_account_one_makes_it(operator: Caller) -> None:
    body = {"account_id": f"race-{uuid4().hex[:8]}"}
    answers = await asyncio.gather(*(operator.post("/api/admin/accounts", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


async def test_a_key_is_shown_once_and_known_by_its_handle_afterwards(operator: Caller, alice: Caller) -> None:
    made = await operator.post(f"/api/admin/accounts/{alice.account_id}/keys", json={"label": "shop server"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    shown = made.json()
    assert shown["key"].startswith(shown["handle"] + "_")
    first, second = await keys_of(operator, alice.account_id)
    assert alice.key.startswith(first["handle"])
    assert second == {
        "key_id": shown["key_id"],
        "handle": shown["handle"],
        "label": "shop server",
        "admin": False,
        "created_at": shown["created_at"],
        "last_used_at": None,
        "revoked_at": None,
    }


async def test_making_a_key_never_repeats_one(operator: Caller, alice: Caller) -> None:
    path, headers = f"/api/admin/accounts/{alice.account_id}/keys", {"Idempotency-Key": uuid4().hex}
    first, second = [(await operator.post(path, headers=headers)).json() for _ in range(2)]
    assert first["key"] != second["key"]


async def test_it_is_written_when_a_key_was_used_and_not_at_every_call(operator: Caller, alice: Caller) -> None:
    await alice.get(OPEN)

    async def noted() -> str:
        (key,) = await keys_of(operator, alice.account_id)
        assert key["last_used_at"]
        return str(key["last_used_at"])

    at = await eventually(noted, NOTED_SECONDS_MAX)
    await alice.get(OPEN)
    assert await noted() == at


async def test_a_revoked_key_ends_at_once_and_the_others_go_on(stack: Stack, operator: Caller, alice: Caller) -> None:
    async with Caller(stack, alice.account_id, await new_key(operator, alice.account_id)) as second:
        assert [(await each.get(OPEN)).status_code for each in (alice, second)] == [200, 200]
        key_id = (await keys_of(operator, alice.account_id))[0]["key_id"]
        revoked = await operator.delete(f"/api/admin/keys/{key_id}")
        assert revoked.status_code == 200
        assert [(await each.get(OPEN)).status_code for each in (alice, second)] == [401, 200]
    assert (await operator.delete(f"/api/admin/keys/{key_id}")).json() == revoked.json()
    assert (await keys_of(operator, alice.account_id))[0]["revoked_at"] == revoked.json()["revoked_at"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("account_id", ["nobody", "UPPER", "%00", "a%2Fb", "a" * 300, "%ff"])
async def test_keys_of_an_unknown_account_are_unknown(operator: Caller, method: str, account_id: str) -> None:
    answer = await operator.request(method, f"/api/admin/accounts/{account_id}/keys")
    assert answer.headers["content-type"] == PROBLEM
    assert answer.status_code == 404


@pytest.mark.parametrize("key_id", [UNKNOWN_ID, "no-uuid", "%00", "dk_0123456789ab"])
async def test_an_unknown_key_cannot_be_revoked(operator: Caller, key_id: str) -> None:
    assert_problem(await operator.delete(f"/api/admin/keys/{key_id}"), 404)


async def test_a_page_that_cannot_be_is_refused(operator: Caller) -> None:
    for query in ("limit=0", "limit=201", "limit=x", "offset=-1", f"offset={10**30}"):
        assert_problem(await operator.get(f"/api/admin/accounts?{query}"), 422)
