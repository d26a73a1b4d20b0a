"""The ledger against a dictionary: any events, in any order, any number of times, in any batches, at any time."""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

import pytest
import uvloop
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from services.ledger.domain import Terms
from shared.db import Database
from shared.envelope import new_id
from shared.events import (
    AccountOpened,
    AuditRequested,
    Event,
    GrantRequested,
    RegenerationRequested,
    TokensCaptured,
    TokensDeclined,
    TokensGranted,
    TokensHeld,
    TokensVoided,
)
from shared.regeneration import Regeneration
from tests.ledger_books import deliver, empty_books, hear, open_ledger, turn_back
from tests.ledger_chain import assert_chained
from tests.ledger_events import Run
from tests.model_ledger import Model

EXAMPLES = int(os.environ.get("DARKROOM_TEST_LEDGER_EXAMPLES", "2000"))
STEPS = int(os.environ.get("DARKROOM_TEST_LEDGER_STEPS", "50"))
PHASES = (Phase.generate, Phase.shrink)[: int(os.environ.get("DARKROOM_TEST_LEDGER_PHASES", "2"))]
SECONDS_MAX = 1_800
REGENERATION = Regeneration(seconds=900, tokens_max=24)
TERMS = Terms(REGENERATION, opening_tokens=20)
ACCOUNTS = ("a", "b", "c")
BATCH = 8
LATE_SECONDS_MAX = 60
"""So far the clock may be behind the model's, which does not count the time that the test itself takes."""

T = TypeVar("T")


class LedgerMachine(RuleBasedStateMachine):
    """Events are said at any time, and delivered at any later time, any number of times."""

    loop: asyncio.AbstractEventLoop
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.example = uuid4()
        self.model = Model(TERMS.opening_tokens, REGENERATION.seconds, REGENERATION.tokens_max)
        self.runs: list[Run] = []
        self.said: list[Event] = []
        self.undelivered: list[Event] = []
        self.emitted: list[Event] = []
        self.moments = count(1)
        self.await_(empty_books(self.database))

    def await_(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something with the database."""
        return self.loop.run_until_complete(work)

    def say(self, event: Event) -> None:
        self.said.append(event)
        self.undelivered.append(event)

    @initialize(images=st.integers(1, 4), price=st.integers(1, 2))
    def begin(self, images: int, price: int) -> None:
        """Most of what can happen happens to a run that is held."""
        self.submit(ACCOUNTS[0], images, price)
        self.deliver_batch(self.said)

    @rule(account=st.sampled_from(ACCOUNTS), event=st.sampled_from((AccountOpened, RegenerationRequested)))
    def touch(self, account: str, event: type[Event]) -> None:
        self.say(event(account_id=account))

    @rule(account=st.sampled_from(ACCOUNTS), images=st.integers(0, 4), price=st.integers(0, 3))
    def submit(self, account: str, images: int, price: int) -> None:
        self.runs.append(Run(account, images, price))
        self.say(self.runs[-1].submitted())

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        before = data.draw(st.sampled_from(self.runs))
        number = max(run.run for run in self.runs if run.job_id == before.job_id) + 1
        again = Run(
            before.account_id, before.images_total, before.price_tokens, number, before.job_id, before.image_ids
        )
        self.runs.append(again)
        self.say(again.submitted())

    @rule(data=st.data(), ending=st.sampled_from(("enhanced", "failed", "cancelled")))
    def end(self, data: st.DataObject, ending: str) -> None:
        run = data.draw(st.sampled_from([run for run in self.runs if run.images_total]))
        at = data.draw(st.lists(st.integers(0, run.images_total - 1), min_size=1, max_size=4, unique=True))
        for event in [run.cancelled(*at)] if ending == "cancelled" else [getattr(run, ending)(place) for place in at]:
            self.say(event)

    @rule(data=st.data(), succeeded_first=st.booleans())
    def race(self, data: st.DataObject, succeeded_first: bool) -> None:
        """An image succeeds while it is cancelled."""
        run = data.draw(st.sampled_from([run for run in self.runs if run.images_total]))
        place = data.draw(st.integers(0, run.images_total - 1))
        said = [run.enhanced(place), run.cancelled(place)]
        for event in said if succeeded_first else said[::-1]:
            self.say(event)

    @rule(account=st.sampled_from(ACCOUNTS), amount=st.integers(1, 9), key=st.integers(0, 4))
    def grant(self, account: str, amount: int, key: int) -> None:
        self.say(GrantRequested(account_id=account, grant_id=uuid5(self.example, str(key)), amount=amount))

    @precondition(lambda self: self.model.accounts)
    @rule(data=st.data(), thirds=st.integers(1, 12))
    def let_time_pass(self, data: st.DataObject, thirds: int) -> None:
        """By thirds of a period, and a moment more each time: no account's clock stands twice at the same position."""
        account = data.draw(st.sampled_from(sorted(self.model.accounts)))
        seconds = thirds * REGENERATION.seconds // 3
        self.await_(turn_back(self.database, account, timedelta(seconds=seconds, microseconds=next(self.moments))))
        self.model.accounts[account].age_seconds += seconds

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self.deliver_batch(data.draw(st.lists(st.sampled_from(self.said), min_size=1, max_size=BATCH)))

    @precondition(lambda self: self.undelivered)
    @rule(size=st.integers(1, 12))
    def deliver_in_order(self, size: int) -> None:
        self.deliver_batch(self.undelivered[:size])

    @precondition(lambda self: self.emitted)
    @rule()
    def audit(self) -> None:
        (answer,) = self.await_(hear(self.database, TERMS, AuditRequested(audit_id=new_id())))
        accounts, holds = self.model.accounts.values(), self.model.holds.values()
        granted = len(accounts) * TERMS.opening_tokens + sum(self.model.grants.values()) + self.model.regenerated
        assert answer.violations == ()
        assert (answer.accounts, answer.granted) == (len(accounts), granted)
        assert answer.captured == sum(hold.captured for hold in holds)
        assert answer.posted == sum(account.posted for account in accounts) == granted - answer.captured
        assert answer.held == sum(account.held for account in accounts)

    def deliver_batch(self, batch: Sequence[Event]) -> None:
        delivered = self.await_(deliver(self.database, batch, TERMS, self.heard))
        self.emitted += delivered.emitted
        done = {id(event) for event in batch} - {id(event) for event in delivered.waiting}
        self.undelivered = [event for event in self.undelivered if id(event) not in done]

    def heard(self, events: Sequence[Event], booked: bool) -> None:
        """Let the model hear the same."""
        assert self.model.book(events) == booked

    def teardown(self) -> None:
        for _ in ("those that wait for a later one", "and these"):
            left = self.undelivered
            for start in range(0, len(left), BATCH):
                self.deliver_batch(left[start : start + BATCH])
        assert self.undelivered == []
        self.audit()
        self.compare_books()
        self.compare_events()

    def compare_books(self) -> None:
        now = datetime.now(UTC)
        accounts, holds, settlements = self.await_(self.read_books())
        assert {name: (row["posted"], row["held"]) for name, row in accounts.items()} == {
            name: (account.posted, account.held) for name, account in self.model.accounts.items()
        }
        for name, row in accounts.items():
            late = (now - row["regenerated_at"]).total_seconds() - self.model.accounts[name].age_seconds
            assert -1 < late < LATE_SECONDS_MAX
        assert holds == {
            key: ("declined" if hold.declined else hold.amount, hold.captured, hold.voided)
            for key, hold in self.model.holds.items()
        }
        assert settlements == self.model.settled

    async def read_books(self) -> tuple[dict[str, Any], dict[Any, Any], dict[tuple[UUID, int], str]]:
        async with self.database.connection() as connection:
            accounts = await connection.fetch("SELECT * FROM accounts WHERE NOT system")
            holds = await connection.fetch("SELECT * FROM holds")
            settlements = await connection.fetch("SELECT image_id, run, result FROM settlements")
        return (
            {row["account_id"]: row for row in accounts},
            {
                (row["job_id"], row["run"]): (
                    "declined" if row["state"] == "declined" else row["amount"],
                    row["captured"],
                    row["voided"],
                )
                for row in holds
            },
            {(image_id, run): result for image_id, run, result in settlements},
        )

    def compare_events(self) -> None:
        """What was said outside adds up to what is in the books."""
        accounts = {name: (account.posted, account.held) for name, account in self.model.accounts.items()}
        assert assert_chained(self.emitted) == accounts
        for (job_id, run), hold in self.model.holds.items():
            about = [e for e in self.emitted if (getattr(e, "job_id", None), getattr(e, "run", 0)) == (job_id, run)]
            decisions = [event for event in about if isinstance(event, TokensHeld | TokensDeclined)]
            assert [(type(event), event.amount) for event in decisions] == [
                (TokensDeclined if hold.declined else TokensHeld, hold.amount)
            ]
            captured = sum(event.amount for event in about if isinstance(event, TokensCaptured))
            voided = sum(event.amount for event in about if isinstance(event, TokensVoided))
            assert voided == hold.voided
            assert captured >= hold.captured
            images = [image_id for e in about if isinstance(e, TokensVoided) for image_id in e.image_ids]
            assert len(images) == len(set(images)) == (hold.voided // hold.price)
        granted = sum(event.amount for event in self.emitted if isinstance(event, TokensGranted))
        captured = sum(hold.captured for hold in self.model.holds.values())
        assert granted - captured == sum(posted for posted, _ in accounts.values())


@pytest.mark.timeout(SECONDS_MAX)
def test_the_ledger_does_what_its_model_does(postgres_url: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        opened = open_ledger(postgres_url, connections_max=1)
        LedgerMachine.loop, LedgerMachine.database = runner.get_loop(), runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(
                LedgerMachine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    phases=PHASES,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))
