"""The ledger against a dictionary: any events, in any order, any number of times, in any batches."""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from services.ledger.domain import Grant, Terms
from services.ledger.invariants import find_violations
from shared.db import Database
from shared.events import (
    Event,
    JobSubmitted,
    TokenEvent,
    TokensCaptured,
    TokensDeclined,
    TokensGranted,
    TokensHeld,
    TokensVoided,
)
from shared.outcome import Outcome
from shared.regeneration import Regeneration
from tests.ledger_books import book, deliver, open_ledger
from tests.ledger_events import Run
from tests.model_ledger import Model

pytest_plugins = ("tests.ledger_database",)

EXAMPLES = int(os.environ.get("DARKROOM_TEST_LEDGER_EXAMPLES", "100"))
STEPS = int(os.environ.get("DARKROOM_TEST_LEDGER_STEPS", "30"))
TERMS = Terms(Regeneration(seconds=0), opening_tokens=10)
ACCOUNTS = ("a", "b", "c")


class LedgerMachine(RuleBasedStateMachine):
    """Events are said at any time, and delivered at any later time, any number of times."""

    runner: asyncio.Runner
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.example = uuid4()
        self.model = Model(TERMS.opening_tokens)
        self.runs: list[Run] = []
        self.said: list[Event] = []
        self.undelivered: list[Event] = []
        self.emitted: list[TokenEvent] = []

    def await_(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something with the database."""
        return self.runner.run(work)

    def say(self, event: Event) -> None:
        self.said.append(event)
        self.undelivered.append(event)

    @rule(account=st.sampled_from(ACCOUNTS), images=st.integers(0, 4), price=st.integers(0, 3))
    def submit(self, account: str, images: int, price: int) -> None:
        self.runs.append(Run(f"{account}-{self.example}", images, price))
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

    @precondition(lambda self: any(run.images_total for run in self.runs))
    @rule(data=st.data(), ending=st.sampled_from(("enhanced", "failed", "cancelled")))
    def end(self, data: st.DataObject, ending: str) -> None:
        run = data.draw(st.sampled_from([run for run in self.runs if run.images_total]))
        at = data.draw(st.lists(st.integers(0, run.images_total - 1), min_size=1, max_size=4, unique=True))
        for event in [run.cancelled(*at)] if ending == "cancelled" else [getattr(run, ending)(place) for place in at]:
            self.say(event)

    @rule(account=st.sampled_from(ACCOUNTS), amount=st.integers(1, 9), key=st.integers(0, 4))
    def grant(self, account: str, amount: int, key: int) -> None:
        name, gift = f"{account}-{self.example}", f"gift:{self.example}:{key}"
        row = Outcome(record=[TERMS.opened(name), Grant(name, amount, gift, "bonus")])
        self.emitted += self.await_(book(self.database, [row]))
        self.model.grant(name, amount, gift)

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self.deliver_batch(data.draw(st.lists(st.sampled_from(self.said), min_size=1, max_size=8)))

    def deliver_batch(self, batch: Sequence[Event]) -> None:
        delivered = self.await_(deliver(self.database, batch, TERMS, self.heard))
        self.emitted += delivered.emitted
        done = {id(event) for event in batch} - {id(event) for event in delivered.waiting}
        self.undelivered = [event for event in self.undelivered if id(event) not in done]

    def heard(self, events: Sequence[Event], booked: bool) -> None:
        """Let the model hear the same: of a batch the submissions first, the oldest job before the others."""
        submissions = [event for event in events if isinstance(event, JobSubmitted)]
        outcomes = [event for event in events if not isinstance(event, JobSubmitted)]
        for event in sorted(submissions, key=lambda event: (event.job_id, event.run)) + outcomes:
            assert self.model.hear(event) == booked

    def teardown(self) -> None:
        self.deliver_batch(self.undelivered)
        self.deliver_batch(self.undelivered)
        assert self.undelivered == []
        self.compare_books()
        self.compare_events()

    def compare_books(self) -> None:
        accounts, holds, violations = self.await_(self.read_books())
        assert accounts == {name: (posted, self.model.held[name]) for name, posted in self.model.posted.items()}
        assert holds == {
            key: ("declined" if hold.declined else hold.amount, hold.captured, hold.voided)
            for key, hold in self.model.holds.items()
        }
        assert violations == []

    async def read_books(self) -> tuple[dict[str, Any], dict[Any, Any], list[str]]:
        mine = f"%-{self.example}"
        async with self.database.connection() as connection:
            accounts = await connection.fetch("SELECT * FROM accounts WHERE account_id LIKE $1", mine)
            holds = await connection.fetch("SELECT * FROM holds WHERE account_id LIKE $1", mine)
            violations = await find_violations(connection)
        return (
            {row["account_id"]: (row["posted"], row["held"]) for row in accounts},
            {
                (row["job_id"], row["run"]): (
                    "declined" if row["state"] == "declined" else row["amount"],
                    row["captured"],
                    row["voided"],
                )
                for row in holds
            },
            violations,
        )

    def compare_events(self) -> None:
        """What was said outside adds up to what is in the books."""
        for (job_id, run), hold in self.model.holds.items():
            about = [
                event
                for event in self.emitted
                if (getattr(event, "job_id", None), getattr(event, "run", 0)) == (job_id, run)
            ]
            decisions = [event for event in about if isinstance(event, TokensHeld | TokensDeclined)]
            assert [(type(event), event.amount) for event in decisions] == [
                (TokensDeclined if hold.declined else TokensHeld, hold.amount)
            ]
            assert sum(event.amount for event in about if isinstance(event, TokensCaptured)) == hold.captured
            assert sum(event.amount for event in about if isinstance(event, TokensVoided)) == hold.voided
        for name, posted in self.model.posted.items():
            about = [event for event in self.emitted if event.account_id == name]
            newest = max(about, key=lambda event: event.account_version)
            assert (newest.balance, newest.held) == (posted, self.model.held[name])
            granted = sum(event.amount for event in about if isinstance(event, TokensGranted))
            assert granted - sum(event.amount for event in about if isinstance(event, TokensCaptured)) == posted


def test_the_ledger_does_what_its_model_does(postgres_url: str) -> None:
    with asyncio.Runner() as runner:
        opened = open_ledger(postgres_url)
        LedgerMachine.runner, LedgerMachine.database = runner, runner.run(opened.__aenter__())
        try:
            run_state_machine_as_test(
                LedgerMachine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opened.__aexit__(None, None, None))
