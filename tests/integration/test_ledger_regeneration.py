"""Tokens that come by themselves: before anything else happens to an account, or by the look-out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest

from services.ledger import regenerating
from services.ledger.domain import Terms
from services.ledger.ports import Ports, open_ports
from services.ledger.settings import Settings
from shared.bus import Bus
from shared.db import Database
from shared.envelope import new_id
from shared.events import (
    AccountOpened,
    GrantRequested,
    RegenerationRequested,
    TokensCaptured,
    TokensGranted,
    TokensHeld,
)
from shared.outbox import Relay
from shared.regeneration import Regeneration
from shared.service import Core
from tests.eventually import eventually
from tests.ledger_books import balance, clock_of, hear, plain, turn_back
from tests.ledger_events import Run

pytest_plugins = ("tests.ledger_database",)

QUARTER = timedelta(minutes=15)
RULES = Regeneration(seconds=900, tokens_max=100)
TERMS = Terms(RULES)


@pytest.fixture
async def ports(ledger: Database) -> AsyncIterator[Ports]:
    """The ledger's ports; without a broker, so that events stay in the outbox. Of other tests nothing is due."""
    bus = Bus("amqp://127.0.0.1:1/", "ledger", lambda _: 1)
    async with open_ports(Core(ledger, Relay(ledger, bus), bus), Settings()) as opened:
        ports = Ports(TERMS, opened.database, opened.relay)
        assert await regenerating.credit_some(ports) < regenerating.ACCOUNTS_AT_ONCE
        yield ports


async def opened(ledger: Database, tokens: int = 0, idle: timedelta = timedelta()) -> str:
    """An account that nobody has touched for so long."""
    account = f"account-{uuid4()}"
    await hear(ledger, Terms(RULES, tokens), AccountOpened(account_id=account))
    await turn_back(ledger, account, idle)
    return account


async def accounts_told(ledger: Database) -> list[str]:
    """The accounts that the outbox has news of."""
    async with ledger.connection() as connection:
        return [row["subject"] for row in await connection.fetch("SELECT subject FROM outbox ORDER BY id")]


async def test_full_periods_are_credited_once_and_the_rest_is_kept(ledger) -> None:
    account = await opened(ledger, idle=2.5 * QUARTER)
    before = await clock_of(ledger, account)
    looked = RegenerationRequested(account_id=account)
    (credited,) = await hear(ledger, TERMS, looked, looked)
    about = {"account_id": account, "balance": 2, "held": 0, "account_version": 2}
    assert plain([credited]) == [TokensGranted(**about, amount=2, reason="regeneration")]
    assert credited.regenerated_at == before + 2 * QUARTER == await clock_of(ledger, account)
    assert await hear(ledger, TERMS, looked) == []
    await turn_back(ledger, account, QUARTER / 2)
    (credited,) = await hear(ledger, TERMS, looked)
    assert (credited.amount, credited.balance) == (1, 3)


async def test_what_is_due_is_credited_before_a_hold_is_decided(ledger) -> None:
    account = await opened(ledger, idle=3 * QUARTER)
    granted, held = await hear(ledger, TERMS, Run(account, 3).submitted())
    assert (granted.amount, granted.balance) == (3, 3)
    assert isinstance(held, TokensHeld)


async def test_held_tokens_count_towards_the_cap(ledger) -> None:
    account = await opened(ledger, tokens=99)
    run = Run(account, 60)
    await hear(ledger, TERMS, run.submitted())
    await turn_back(ledger, account, 5 * QUARTER)
    (credited,) = await hear(ledger, TERMS, RegenerationRequested(account_id=account))
    assert (credited.amount, credited.balance, credited.held) == (1, 100, 60)


async def test_at_the_cap_the_clock_goes_on_and_what_is_spent_does_not_refill(ledger) -> None:
    account = await opened(ledger, tokens=100, idle=50 * QUARTER)
    before = await clock_of(ledger, account)
    run = Run(account, 40)
    (held,) = await hear(ledger, TERMS, run.submitted())
    assert held.regenerated_at == before + 50 * QUARTER
    captured = await hear(ledger, TERMS, *[run.enhanced(place) for place in range(40)])
    assert [type(event) for event in captured] == [TokensCaptured]
    assert await hear(ledger, TERMS, RegenerationRequested(account_id=account)) == []
    assert await balance(ledger, account) == (60, 0)


async def test_capture_of_an_account_at_the_cap_credits_nothing_for_the_time_before(ledger) -> None:
    account = await opened(ledger, tokens=100)
    run = Run(account, 40)
    await hear(ledger, TERMS, run.submitted())
    await turn_back(ledger, account, 9 * QUARTER)
    (captured,) = await hear(ledger, TERMS, *[run.enhanced(place) for place in range(40)])
    assert isinstance(captured, TokensCaptured)
    assert await hear(ledger, TERMS, RegenerationRequested(account_id=account)) == []
    assert await balance(ledger, account) == (60, 0)


async def test_grants_go_beyond_the_cap_and_are_counted_after_what_was_due(ledger) -> None:
    account = await opened(ledger, tokens=98, idle=9 * QUARTER)
    gift = GrantRequested(account_id=account, grant_id=new_id(), amount=50)
    due, given = await hear(ledger, TERMS, gift)
    assert [(due.amount, due.balance), (given.amount, given.balance)] == [(2, 100), (50, 150)]


async def test_where_it_is_off_nothing_is_credited(ledger) -> None:
    account = await opened(ledger, idle=9 * QUARTER)
    assert await hear(ledger, Terms(Regeneration(seconds=0)), RegenerationRequested(account_id=account)) == []


async def test_the_books_own_accounts_never_regenerate(ledger) -> None:
    everybody = Terms(Regeneration(seconds=1))
    for account in ("system:issuance", "system:revenue"):
        assert await hear(ledger, everybody, RegenerationRequested(account_id=account)) == []


async def test_a_transfer_that_was_made_is_not_made_again_even_if_the_clock_is_turned_back(ledger) -> None:
    account = await opened(ledger, idle=QUARTER)
    looked = RegenerationRequested(account_id=account)
    assert [event.amount for event in await hear(ledger, TERMS, looked)] == [1]
    await turn_back(ledger, account, QUARTER)
    assert await hear(ledger, TERMS, looked) == []
    assert await balance(ledger, account) == (1, 0)


async def test_the_look_out_credits_those_that_are_due_and_below_the_cap(ledger, ports) -> None:
    due = [await opened(ledger, tokens, idle) for tokens, idle in ((0, QUARTER), (99, 7 * QUARTER))]
    others = [await opened(ledger, tokens, idle) for tokens, idle in ((0, QUARTER / 2), (100, 7 * QUARTER))]
    assert await regenerating.credit_some(ports) == 2
    assert [await balance(ledger, account) for account in due + others] == [(1, 0), (100, 0), (0, 0), (100, 0)]
    assert set(await accounts_told(ledger)) & {*due, *others} == set(due)
    assert await regenerating.credit_some(ports) == 0


async def test_the_look_out_takes_a_part_at_a_time_those_first_that_wait_longest(ledger, ports) -> None:
    late, later, latest = [await opened(ledger, idle=periods * QUARTER) for periods in (1, 2, 3)]
    assert await regenerating.credit_some(ports, accounts_max=2) == 2
    assert [await balance(ledger, account) for account in (late, later, latest)] == [(0, 0), (2, 0), (3, 0)]
    assert await regenerating.credit_some(ports, accounts_max=2) == 1


async def test_several_look_outs_credit_each_account_once(ledger, ports) -> None:
    accounts = {await opened(ledger, idle=2 * QUARTER) for _ in range(30)}
    taken = await asyncio.gather(*[regenerating.credit_some(ports, accounts_max=10) for _ in range(3)])
    taken += [await regenerating.credit_some(ports, accounts_max=10) for _ in range(3)]
    assert sum(taken) == len(accounts)
    told = [account for account in await accounts_told(ledger) if account in accounts]
    assert sorted(told) == sorted(accounts)
    assert {await balance(ledger, account) for account in accounts} == {(2, 0)}


async def test_the_look_out_waits_for_nobody(ledger, ports) -> None:
    busy, idle = await opened(ledger, idle=QUARTER), await opened(ledger, idle=QUARTER)
    async with ledger.transaction() as connection:
        await connection.execute("SELECT FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE", busy)
        assert await asyncio.wait_for(regenerating.credit_some(ports), 10) == 1
    assert [await balance(ledger, account) for account in (busy, idle)] == [(0, 0), (1, 0)]
    assert await regenerating.credit_some(ports) == 1


async def test_the_look_out_runs_until_it_is_ended(ledger, ports) -> None:
    account = await opened(ledger, idle=QUARTER)
    running = asyncio.create_task(regenerating.run(ports))

    async def credited() -> None:
        assert await balance(ledger, account) == (1, 0)

    try:
        await eventually(credited)
        assert not running.done()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_where_it_is_off_there_is_no_look_out(ledger, ports) -> None:
    looking = asyncio.create_task(regenerating.run(Ports(Terms(Regeneration(seconds=0)), ledger, ports.relay)))
    done, _ = await asyncio.wait({looking}, timeout=10)
    assert done == {looking} and looking.exception() is None
