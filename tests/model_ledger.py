"""The ledger as a dictionary: what it must do, written as plainly as possible, to compare it with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from shared.events import (
    AccountOpened,
    Event,
    GrantRequested,
    ImageCancelled,
    ImageEnhanced,
    ImageFailed,
    JobSubmitted,
    RegenerationRequested,
)

RunKey = tuple[UUID, int]
Outcome = ImageEnhanced | ImageFailed | ImageCancelled
Opening = AccountOpened | GrantRequested | JobSubmitted | RegenerationRequested

RESULTS = {ImageEnhanced: "succeeded", ImageFailed: "failed", ImageCancelled: "cancelled"}


@dataclass
class ModelAccount:
    """An account; `age_seconds` is how long its clock has not moved."""

    posted: int
    held: int = 0
    age_seconds: int = 0


@dataclass
class ModelHold:
    """A run's hold."""

    account_id: str
    price: int
    amount: int
    declined: bool
    captured: int = 0
    voided: int = 0


@dataclass
class Model:
    """Accounts, holds and settled images."""

    opening_tokens: int
    period_seconds: int
    tokens_max: int
    accounts: dict[str, ModelAccount] = field(default_factory=dict)
    holds: dict[RunKey, ModelHold] = field(default_factory=dict)
    settled: dict[RunKey, str] = field(default_factory=dict)
    grants: dict[UUID, int] = field(default_factory=dict)
    regenerated: int = 0

    def book(self, events: Sequence[Event]) -> bool:
        """Take events of one transaction, in whatever order they come; False: not yet, and nothing is changed."""
        submitted = sorted((e for e in events if isinstance(e, JobSubmitted)), key=lambda e: (e.job_id, e.run))
        outcomes = [event for event in events if isinstance(event, Outcome) and event.price_tokens]
        known = self.holds.keys() | {(event.job_id, event.run) for event in submitted if event.price_tokens}
        if any((event.job_id, event.run) not in known for event in outcomes):
            return False
        openings = [event for event in events if isinstance(event, Opening)]
        for event in [*openings, *outcomes]:
            self._touch(event.account_id)
        for event in openings:
            self._grant(event)
        for event in submitted:
            self._submit(event)
        for event in outcomes:
            self._end(event)
        return True

    def _touch(self, account_id: str) -> None:
        if account_id not in self.accounts:
            self.accounts[account_id] = ModelAccount(self.opening_tokens)
        account = self.accounts[account_id]
        periods, account.age_seconds = divmod(account.age_seconds, self.period_seconds)
        tokens = min(periods, max(0, self.tokens_max - account.posted))
        account.posted += tokens
        self.regenerated += tokens

    def _grant(self, event: Opening) -> None:
        if isinstance(event, GrantRequested) and event.grant_id not in self.grants:
            self.grants[event.grant_id] = event.amount
            self.accounts[event.account_id].posted += event.amount

    def _submit(self, event: JobSubmitted) -> None:
        key = (event.job_id, event.run)
        if not event.price_tokens or key in self.holds:
            return
        account = self.accounts[event.account_id]
        amount = event.images_total * event.price_tokens
        declined = amount > account.posted - account.held
        self.holds[key] = ModelHold(event.account_id, event.price_tokens, amount, declined)
        account.held += 0 if declined else amount

    def _end(self, event: Outcome) -> None:
        for image in event.images if isinstance(event, ImageCancelled) else (event,):
            self._settle(self.holds[event.job_id, event.run], (image.image_id, event.run), RESULTS[type(event)])

    def _settle(self, hold: ModelHold, image: RunKey, result: str) -> None:
        before = self.settled.get(image)
        if before and (before, result) != ("succeeded", "cancelled"):
            return
        self.settled[image] = result
        price = 0 if hold.declined else hold.price
        account = self.accounts[hold.account_id]
        if before:
            account.posted += price
            hold.captured -= price
        else:
            account.held -= price
        if result == "succeeded":
            account.posted -= price
            hold.captured += price
        else:
            hold.voided += price
