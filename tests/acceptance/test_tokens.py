"""Tokens as their owner and an operator see them: balance, statement, grants, and whether the books are right."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.callers import Caller, admin_client, new_caller
from tests.command_line import CommandLine

PERIOD_MS = 900_000
BALANCE, TRANSACTIONS = "/api/tokens/balance", "/api/tokens/transactions"

Json = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    """The operator."""
    async with admin_client(stack) as client:
        yield client


@pytest.fixture
async def caller(stack: Stack) -> AsyncIterator[Caller]:
    """An account of the test's own."""
    async with await new_caller(stack) as client:
        yield client


async def granted(operator: Caller, account_id: str, key: str = "", **body: Any) -> httpx.Response:
    """POST a grant, whatever the answer."""
    headers = {"Idempotency-Key": key} if key else None
    return await operator.post(f"/api/admin/accounts/{account_id}/grants", json=body, headers=headers)


async def told(client: httpx.AsyncClient, path: str, **query: Any) -> Json:
    """The body of what is there."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_new_account_has_nothing_and_its_clock_runs(caller: Caller) -> None:
    found = await told(caller, BALANCE)
    since = datetime.now(UTC) - datetime.fromisoformat(found.pop("lastRegeneration"))
    until = found.pop("timeUntilNextRegenMs")
    assert found == {
        "balance": 0,
        "held": 0,
        "tokensAddedThisRequest": 0,
        "stats": {"totalSpent": 0, "totalEarned": 0, "totalRefunded": 0, "transactionCount": 0},
    }
    assert 0 < until <= PERIOD_MS
    assert abs(until + since.total_seconds() * 1000 - PERIOD_MS) < 5_000
    assert await told(caller, TRANSACTIONS) == {"transactions": [], "total": 0, "limit": 50, "offset": 0}


@pytest.mark.parametrize("path", [BALANCE, TRANSACTIONS])
async def test_tokens_are_shown_to_those_with_a_key_alone(client: httpx.AsyncClient, path: str) -> None:
    for headers in ({}, {"X-API-Key": "dk_000000000000_AAAAAAAAAAAAAAAAAAAAAA"}):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


async def test_a_grant_shows_in_the_balance_and_in_the_statement(operator: Caller, caller: Caller) -> None:
    account_id = caller.account_id
    first = await granted(operator, account_id, amount=100)
    second = await granted(operator, account_id, amount=20, reason="purchase", note="order 4711")
    assert (first.status_code, second.status_code) == (201, 201)
    facts = {"account_id": account_id, "held": 0}
    assert second.json() == facts | {"grant_id": second.json()["grant_id"], "amount": 20, "balance": 120}
    found = await told(caller, BALANCE)
    assert (found["balance"], found["held"]) == (120, 0)
    assert found["stats"] == {"totalSpent": 0, "totalEarned": 120, "totalRefunded": 0, "transactionCount": 2}
    page = await told(caller, TRANSACTIONS)
    newest, oldest = page["transactions"]
    for line in (newest, oldest):
        assert UUID(line.pop("id"))
        assert abs((datetime.now(UTC) - datetime.fromisoformat(line.pop("createdAt"))).total_seconds()) < 60
    assert newest == {
        "type": "EARN_PURCHASE",
        "amount": 20,
        "balanceAfter": 120,
        "source": "grant",
        "sourceId": second.json()["grant_id"],
        "metadata": {"note": "order 4711"},
    }
    assert (oldest["type"], oldest["amount"], oldest["balanceAfter"]) == ("EARN_BONUS", 100, 100)


async def test_a_repeated_grant_is_given_once(operator: Caller, caller: Caller) -> None:
    account_id, key = caller.account_id, str(uuid4())
    first = await granted(operator, account_id, key, amount=7)
    again = await granted(operator, account_id, key, amount=7)
    other = await granted(operator, account_id, key, amount=8)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert (await told(caller, BALANCE))["balance"] == 7
    assert (await told(caller, TRANSACTIONS))["total"] == 1


async def test_the_same_grant_many_times_at_once_is_given_once(operator: Caller, caller: Caller) -> None:
    key = str(uuid4())
    answers = await asyncio.gather(*(granted(operator, caller.account_id, key, amount=3) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["grant_id"] for answer in answers if answer.status_code == 201}) == 1
    assert (await told(caller, BALANCE))["balance"] == 3


async def test_different_grants_at_once_are_all_given(operator: Caller, caller: Caller) -> None:
    answers = await asyncio.gather(*(granted(operator, caller.account_id, amount=1) for _ in range(10)))
    assert [answer.status_code for answer in answers] == [201] * 10
    assert sorted(answer.json()["balance"] for answer in answers) == list(range(1, 11))
    lines = (await told(caller, TRANSACTIONS))["transactions"]
    assert [line["balanceAfter"] for line in lines] == list(range(10, 0, -1))


async def test_a_statement_has_pages(operator: Caller, caller: Caller) -> None:
    for amount in (1, 2, 3):
        assert (await granted(operator, caller.account_id, amount=amount)).status_code == 201
    await granted(operator, caller.account_id, amount=4, reason="purchase")

    async def amounts(**query: Any) -> tuple[list[int], int]:
        page = await told(caller, TRANSACTIONS, **query)
        assert (page["limit"], page["offset"]) == (query.get("limit", 50), query.get("offset", 0))
        return [line["amount"] for line in page["transactions"]], page["total"]

    assert await amounts() == ([4, 3, 2, 1], 4)
    assert await amounts(limit=2) == ([4, 3], 4)
    assert await amounts(limit=2, offset=2) == ([2, 1], 4)
    assert await amounts(offset=4) == ([], 4)
    assert await amounts(type="EARN_BONUS", limit=2) == ([3, 2], 3)
    assert await amounts(type="REFUND") == ([], 0)
    first, second = await told(caller, TRANSACTIONS), await told(caller, TRANSACTIONS)
    assert first == second
    assert len({line["id"] for line in first["transactions"]}) == 4


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"offset": -1}, {"offset": 10**30}, {"type": "EARN"}, {"type": ""}],
    ids=str,
)
async def test_a_page_that_cannot_be_is_refused(caller: Caller, query: Json) -> None:
    answer = await caller.get(TRANSACTIONS, params=query)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}


async def test_what_an_account_has_is_nobody_elses_business(stack: Stack, operator: Caller, caller: Caller) -> None:
    account_id = caller.account_id
    assert (await granted(operator, account_id, amount=5)).status_code == 201
    async with await new_caller(stack) as stranger:
        assert (await told(stranger, BALANCE))["balance"] == 0
        assert (await told(stranger, TRANSACTIONS))["total"] == 0
        for path in (f"/api/admin/accounts/{account_id}/balance", "/api/ledger/invariants"):
            assert (await stranger.get(path)).status_code == 403
        assert (await granted(stranger, stranger.account_id, amount=5)).status_code == 403


async def test_an_operator_sees_what_the_account_sees(operator: Caller, caller: Caller) -> None:
    await granted(operator, caller.account_id, amount=9)
    path = f"/api/admin/accounts/{caller.account_id}"
    seen, own = await told(operator, f"{path}/balance"), await told(caller, BALANCE)
    assert seen.pop("timeUntilNextRegenMs") >= own.pop("timeUntilNextRegenMs")
    assert seen == own
    assert await told(operator, f"{path}/transactions", limit=3) == await told(caller, TRANSACTIONS, limit=3)


@pytest.mark.parametrize("account_id", ["nobody", "No%20Body", "%00", "x" * 100])
async def test_an_account_that_is_not_there_has_nothing_to_show(operator: Caller, account_id: str) -> None:
    path = f"/api/admin/accounts/{account_id}"
    answers = [await operator.get(f"{path}/balance"), await operator.get(f"{path}/transactions")]
    for answer in [*answers, await granted(operator, account_id, str(uuid4()), amount=1)]:
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"] == f"There is no account {unquote(account_id)}"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount": 0},
        {"amount": -1},
        {"amount": 10**9 + 1},
        {"amount": "5"},
        {"amount": 1, "reason": "opening"},
        {"amount": 1, "note": "\x00"},
        {"amount": 1, "note": "n" * 501},
        {"amount": 1, "tokens": 1},
    ],
    ids=str,
)
async def test_what_is_no_grant_is_refused(operator: Caller, caller: Caller, body: Json) -> None:
    assert (await granted(operator, caller.account_id, **body)).status_code == 422


async def test_the_books_are_right(operator: Caller, caller: Caller) -> None:
    await granted(operator, caller.account_id, amount=11)
    found = await told(operator, "/api/ledger/invariants")
    assert found["holds"]
    assert (found["violations_total"], found["violations"]) == (0, [])
    assert all(check["ok"] for check in found["checks"])
    assert found["granted"] == found["captured"] + found["posted"] >= 11
    assert found["accounts"] >= 1


async def test_the_command_line_gives_and_shows_tokens(
    stack: Stack, operator: Caller, caller: Caller, tmp_path: Path
) -> None:
    line, account_id = CommandLine(stack, tmp_path), caller.account_id
    key = ("--admin-key", operator.key)
    given = line.run("tokens", "grant", account_id, "12", "--reason", "purchase", "--note", "[paid]", *key)
    assert given.stdout == f"{account_id} was given 12 tokens and has 12 to spend.\n", given.stderr
    assert "12 tokens" in line.run("tokens", "balance", account_id, *key).stdout
    history = line.run("tokens", "history", account_id, *key).stdout
    assert "EARN_PURCHASE" in history
    assert "[paid]" in history
    checked = line.run("tokens", "check", *key)
    assert (checked.returncode, "violated" in checked.stdout) == (0, False)
    refused = line.run("tokens", "balance", "nobody", *key)
    assert (refused.returncode, refused.stderr) == (1, "darkroom: There is no account nobody\n")
