"""Many at once: every command has its effect once, tokens are never sold twice, and nobody waits in a circle."""

import asyncio
import os
import random
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from services.ledger.domain import Account, Hold, Settlement, Terms
from shared.db import Database
from shared.envelope import new_id
from shared.events import (
    AccountOpened,
    Event,
    GrantRequested,
    RegenerationRequested,
    TokensCaptured,
    TokensDeclined,
    TokensHeld,
    TokensVoided,
)
from shared.outcome import Outcome
from shared.regeneration import Regeneration
from tests.ledger_books import balance, book, hear, turn_back
from tests.ledger_chain import assert_chained
from tests.ledger_events import Run

pytest_plugins = ("tests.ledger_database",)

OFF = Regeneration(seconds=0)
QUARTERS = Regeneration(seconds=900)
TERMS = Terms(OFF, opening_tokens=10)
AT_ONCE = 3
ROUNDS = 10
CROWD_TOKENS, CROWD_TASKS = 1_000, 64
CROWD_HOLDS = int(os.environ.get("DARKROOM_TEST_LEDGER_HOLDS", "5000"))
"""Each task's; a few hundred tell most."""
CROWD_BATCHES = (1, 2, 20, 50, 100, 200)
CROWD_SECONDS_MAX = 600


async def at_once(ledger: Database, terms: Terms, *events: Event) -> list[Event]:
    """Book the same events in several transactions at once; what followed in all."""
    heard = await asyncio.gather(*[hear(ledger, terms, *events) for _ in range(AT_ONCE)])
    return [event for events in heard for event in events]


COMMANDS = {
    "open": ([], AccountOpened, (10, 0)),
    "grant": (["open"], GrantRequested, (15, 0)),
    "hold": (["open"], "submitted", (10, 4)),
    "capture": (["open", "hold"], "enhanced", (8, 2)),
    "void": (["open", "hold"], "failed", (10, 2)),
    "cancel": (["open", "hold"], "cancelled", (10, 2)),
    "reversal": (["open", "hold", "capture"], "cancelled", (10, 2)),
}
"""What must have happened before, what is said, and what the account has then."""


def said(command: str, run: Run) -> Event:
    """The event of a command; the same run, the same event."""
    kind = COMMANDS[command][1]
    if kind is AccountOpened:
        return AccountOpened(account_id=run.account_id)
    if kind is GrantRequested:
        return GrantRequested(account_id=run.account_id, grant_id=run.job_id, amount=5)
    return run.submitted() if kind == "submitted" else getattr(run, str(kind))(0)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_three_times_at_once_has_its_effect_once(ledger, command) -> None:
    before, _, after = COMMANDS[command]
    for _ in range(ROUNDS):
        run = Run(f"once-{uuid4()}", images_total=2, price_tokens=2)
        told = [event for earlier in before for event in await hear(ledger, TERMS, said(earlier, run))]
        effects = await at_once(ledger, TERMS, said(command, run))
        assert len(effects) == 1
        assert assert_chained([*told, *effects]) == {run.account_id: after}
        assert await balance(ledger, run.account_id) == after


async def test_regeneration_three_times_at_once_is_credited_once(ledger) -> None:
    terms = Terms(QUARTERS)
    for _ in range(ROUNDS):
        account = f"once-{uuid4()}"
        await hear(ledger, terms, AccountOpened(account_id=account))
        await turn_back(ledger, account, timedelta(minutes=40))
        (credited,) = await at_once(ledger, terms, RegenerationRequested(account_id=account))
        assert (credited.amount, credited.balance) == (2, 2)


async def test_an_image_that_succeeds_and_is_cancelled_at_once_is_not_paid_for(ledger) -> None:
    for _ in range(ROUNDS):
        run = Run(f"race-{uuid4()}", images_total=1, price_tokens=2)
        told = await hear(ledger, TERMS, run.submitted())
        outcomes = [run.enhanced(0), run.cancelled(0)] * AT_ONCE
        heard = await asyncio.gather(*[hear(ledger, TERMS, event) for event in outcomes])
        effects = [event for events in heard for event in events]
        assert assert_chained([*told, *effects]) == {run.account_id: (10, 0)}
        assert sum(event.amount for event in effects if isinstance(event, TokensVoided)) == 2


def batches_of(holds: list[Hold], dice: random.Random) -> Iterator[list[Hold]]:
    """The holds in batches of mixed sizes."""
    start = 0
    while start < len(holds):
        size = dice.choice(CROWD_BATCHES)
        yield holds[start : start + size]
        start += size


async def press_on(ledger: Database, account: str, seed: int) -> list[Event]:
    """Ask for holds, batch by batch, and give back half of those that were taken; what followed."""
    dice = random.Random(seed)
    holds = [
        Hold(account, new_id(), 1, dice.randint(1, 3), price_tokens=dice.randint(1, 3)) for _ in range(CROWD_HOLDS)
    ]
    by_job = {hold.job_id: hold for hold in holds}
    given_back: list[Settlement] = []
    heard: list[Event] = []
    for batch in batches_of(holds, dice):
        events = await book(ledger, [Outcome(record=[Account(account, OFF), *batch, *given_back])])
        heard += events
        taken = [by_job[event.job_id] for event in events if isinstance(event, TokensHeld)]
        given_back = [
            Settlement(hold.job_id, 1, new_id(), "cancelled")
            for hold in taken
            if dice.random() < 0.5
            for _ in range(hold.images_total)
        ]
    return heard


@pytest.mark.timeout(CROWD_SECONDS_MAX)
async def test_a_crowd_never_holds_more_than_there_is(ledger) -> None:
    account = f"crowd-{uuid4()}"
    opened = await hear(ledger, Terms(OFF, CROWD_TOKENS), AccountOpened(account_id=account))
    pressed = await asyncio.gather(*[press_on(ledger, account, seed) for seed in range(CROWD_TASKS)])
    heard = [*opened, *(event for events in pressed for event in events)]
    decided = [event for event in heard if isinstance(event, TokensHeld | TokensDeclined)]
    assert len({event.job_id for event in decided}) == len(decided) == CROWD_TASKS * CROWD_HOLDS
    assert assert_chained(heard) == {account: await balance(ledger, account)}
    assert max(event.held for event in decided) > CROWD_TOKENS - 9
    refused = [event for event in decided if isinstance(event, TokensDeclined)]
    assert all(event.balance - event.held < event.amount for event in refused)
    assert len(refused) < len(decided)


async def test_replicas_that_settle_the_same_images_in_any_order_settle_each_once(ledger) -> None:
    """Overlapping batches over many accounts, submissions among them: nobody waits in a circle."""
    dice = random.Random(2)
    runs = [Run(f"replica-{place}-{uuid4()}", images_total=10) for place in range(8)]
    told = await hear(ledger, TERMS, *[run.submitted() for run in runs])
    endings = ("enhanced", "failed", "cancelled")
    events: list[Event] = [getattr(run, dice.choice(endings))(at) for run in runs for at in range(10)]

    async def replica(seed: int) -> list[Event]:
        shuffled = random.Random(seed).sample(events, len(events))
        heard: list[Event] = []
        for start in range(0, len(shuffled), 16):
            more = [Run(run.account_id, price_tokens=100).submitted() for run in random.Random(start).sample(runs, 4)]
            heard += await hear(ledger, TERMS, *shuffled[start : start + 16], *more)
        return heard

    heard = [event for events in await asyncio.gather(*map(replica, range(6))) for event in events]
    settled = [event for event in heard if isinstance(event, TokensCaptured | TokensVoided)]
    assert sum(event.images for event in settled) == len(events)
    assert {held for _, held in assert_chained([*told, *heard]).values()} == {0}


@pytest.mark.parametrize("ending", ["submitted", "failed"])
async def test_replicas_that_open_or_meter_the_same_accounts_do_not_wait_in_a_circle(ledger, ending) -> None:
    for _ in range(ROUNDS):
        runs = [Run(f"many-{place}-{uuid4()}", price_tokens=0) for place in range(200)]
        batches = [random.Random(seed).sample(runs, len(runs)) for seed in range(8)]
        heard = [hear(ledger, TERMS, *[getattr(run, ending)() for run in batch]) for batch in batches]
        assert len(await asyncio.gather(*heard)) == len(batches)  # in a circle Postgres would end one with an error
