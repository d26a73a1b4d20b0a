"""Tokens that come by themselves, a ledger that is silent, and books that somebody wrote in."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.callers import Caller, admin_client, new_caller, new_key
from tests.command_line import CommandLine
from tests.eventually import eventually
from tests.stacks import running_stack

TOKENS_MAX = 4
PERIOD = timedelta(seconds=1)
SETTINGS = {
    "DARKROOM_REGENERATION_SECONDS": str(PERIOD.seconds),
    "DARKROOM_REGENERATION_TOKENS_MAX": str(TOKENS_MAX),
    "DARKROOM_REQUESTS_PER_HOUR": "0",
}
BALANCE, TRANSACTIONS, INVARIANTS = "/api/tokens/balance", "/api/tokens/transactions", "/api/ledger/invariants"

Json = dict[str, Any]


@pytest.fixture(scope="module")
def ticking() -> Iterator[Stack]:
    """A system where a token comes every second, until an account has four."""
    with running_stack(settings=SETTINGS) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(ticking: Stack) -> AsyncIterator[Caller]:
    """The operator."""
    async with admin_client(ticking) as client:
        yield client


@pytest.fixture
async def caller(ticking: Stack) -> AsyncIterator[Caller]:
    """An account of the test's own."""
    async with await new_caller(ticking) as client:
        yield client


@contextmanager
def silent_ledger(stack: Stack) -> Iterator[None]:
    """The ledger hears nothing and says nothing for a while."""
    stack.kill("ledger", signal.SIGSTOP)
    try:
        yield
    finally:
        stack.kill("ledger", signal.SIGCONT)


async def told(client: httpx.AsyncClient, path: str) -> Json:
    """The body of what is there."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until_it_has(client: httpx.AsyncClient, tokens: int) -> Json:
    """Look at the balance until it is as high."""

    async def enough() -> Json:
        found = await told(client, BALANCE)
        assert found["balance"] >= tokens, found
        return found

    return await eventually(enough, 15)


def clock(found: Json) -> datetime:
    """Up to when a balance's regeneration is credited."""
    return datetime.fromisoformat(found["lastRegeneration"])


async def regenerated(client: httpx.AsyncClient) -> int:
    """The sum of the statement's lines of regeneration."""
    lines = (await told(client, f"{TRANSACTIONS}?limit=200"))["transactions"]
    assert {line["source"] for line in lines if line["type"] == "EARN_REGENERATION"} <= {"regeneration"}
    return sum(line["amount"] for line in lines if line["type"] == "EARN_REGENERATION")


async def test_the_local_account_begins_with_a_hundred_tokens(ticking: Stack, operator: Caller) -> None:
    async with Caller(ticking, "local", await new_key(operator, "local")) as local:
        found = await until_it_has(local, 100)
        assert found["balance"] == 100
        assert [line["source"] for line in (await told(local, TRANSACTIONS))["transactions"]] == ["opening"]


async def test_a_token_comes_every_full_period_and_no_more_than_the_cap(caller: Caller) -> None:
    first = await until_it_has(caller, 1)
    second = await until_it_has(caller, first["balance"] + 1)
    assert (second["balance"] - first["balance"]) * PERIOD == clock(second) - clock(first)
    assert second["tokensAddedThisRequest"] in (0, 1, 2, 3)
    assert 0 < second["timeUntilNextRegenMs"] <= 1000
    full = await until_it_has(caller, TOKENS_MAX)

    async def the_clock_goes_on() -> Json:
        found = await told(caller, BALANCE)
        assert clock(found) >= clock(full) + 2 * PERIOD
        return found

    later = await eventually(the_clock_goes_on, 10)
    assert (later["balance"], later["tokensAddedThisRequest"]) == (TOKENS_MAX, 0)
    assert (clock(later) - clock(full)) % PERIOD == timedelta()
    assert 0 < later["timeUntilNextRegenMs"] <= 1000
    assert await regenerated(caller) == TOKENS_MAX == later["stats"]["totalEarned"]


async def test_many_looks_at_once_credit_once(caller: Caller) -> None:
    looks = [await told(caller, BALANCE)]
    while looks[-1]["balance"] < TOKENS_MAX:
        looks += await asyncio.gather(*(told(caller, BALANCE) for _ in range(8)))
    assert max(found["balance"] for found in looks) == TOKENS_MAX
    assert await regenerated(caller) == TOKENS_MAX
    growing = [found for found in looks if 0 < found["balance"] < TOKENS_MAX]
    assert len({clock(found) - found["balance"] * PERIOD for found in growing}) <= 1


async def test_what_is_given_goes_beyond_the_cap(operator: Caller, caller: Caller) -> None:
    path = f"/api/admin/accounts/{caller.account_id}/grants"
    assert (await operator.post(path, json={"amount": 50})).status_code == 201
    before = await told(caller, BALANCE)

    async def time_has_passed() -> Json:
        found = await told(caller, BALANCE)
        assert clock(found) > clock(before)
        return found

    assert (await eventually(time_has_passed))["balance"] == before["balance"] >= 50


async def test_a_silent_ledger_costs_a_moment_and_nothing_else(ticking: Stack, caller: Caller) -> None:
    await until_it_has(caller, 1)
    with silent_ledger(ticking):
        before = await told(caller, BALANCE)
        after = await told(caller, BALANCE)
        assert (after["balance"], after["tokensAddedThisRequest"]) == (before["balance"], 0)
        assert clock(after) == clock(before)
    assert (await until_it_has(caller, TOKENS_MAX))["balance"] == TOKENS_MAX
    assert await regenerated(caller) == TOKENS_MAX


async def test_a_grant_waits_for_the_ledger_and_is_given_once(ticking: Stack, operator: Caller, caller: Caller) -> None:
    path = f"/api/admin/accounts/{caller.account_id}/grants"

    async def give() -> httpx.Response:
        return await operator.post(path, json={"amount": 30}, headers={"Idempotency-Key": f"once {path}"})

    with silent_ledger(ticking):
        pending = await give()
    assert pending.status_code == 202
    assert int(pending.headers["Retry-After"]) > 0
    assert pending.json().keys() == {"grant_id", "account_id", "amount"}

    async def booked() -> httpx.Response:
        answer = await give()
        assert answer.status_code == 201
        return answer

    answer = await eventually(booked, 20)
    assert answer.json()["grant_id"] == pending.json()["grant_id"]
    lines = (await told(caller, TRANSACTIONS))["transactions"]
    assert [line["amount"] for line in lines if line["source"] == "grant"] == [30]


async def test_books_that_nobody_answers_for_are_asked_again_later(ticking: Stack, operator: Caller) -> None:
    with silent_ledger(ticking):
        answer = await operator.get(INVARIANTS)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await told(operator, INVARIANTS))["holds"]


async def test_books_that_were_tampered_with_are_found_out(
    ticking: Stack, operator: Caller, caller: Caller, tmp_path: Path
) -> None:
    await until_it_has(caller, 1)
    command = CommandLine(ticking, tmp_path)
    check = ("tokens", "check", "--admin-key", operator.key)
    connection = await asyncpg.connect(ticking.urls.postgres["ledger"])
    change = "UPDATE accounts SET posted = posted + $2, version = version + 1 WHERE account_id = $1"
    try:
        await connection.execute(change, caller.account_id, 7)
        found = await told(operator, INVARIANTS)
        checked = command.run(*check)
        await connection.execute(change, caller.account_id, -7)
    finally:
        await connection.close()
    assert not found["holds"]
    assert found["violations_total"] == len(found["violations"]) == 1
    assert caller.account_id in found["violations"][0]
    assert [check["ok"] for check in found["checks"]] == [False, True, False]
    assert checked.returncode == 1
    assert found["violations"][0].partition(":")[0] in checked.stdout
    assert (await told(operator, INVARIANTS))["holds"]
    assert command.run(*check).returncode == 0


async def test_audits_are_kept_for_a_day(ticking: Stack, operator: Caller) -> None:
    connection = await asyncpg.connect(ticking.urls.postgres["gateway"])
    ages = ("23 hours", "25 hours")
    audits = {age: uuid4() for age in ages}
    try:
        for age, audit_id in audits.items():
            await connection.execute(
                "INSERT INTO audits (audit_id, requested_at) VALUES ($1, now() - $2::text::interval)", audit_id, age
            )
        await told(operator, INVARIANTS)
        kept = await connection.fetch("SELECT audit_id FROM audits WHERE audit_id = ANY($1)", list(audits.values()))
    finally:
        await connection.close()
    assert [row["audit_id"] for row in kept] == [audits["23 hours"]]
