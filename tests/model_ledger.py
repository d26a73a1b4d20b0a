"""The ledger as a dictionary: what it must do, written as plainly as possible, to compare it with."""

from dataclasses import dataclass, field
from uuid import UUID

from shared.events import Event, ImageCancelled, ImageEnhanced, ImageFailed, JobSubmitted

RunKey = tuple[UUID, int]

RESULTS = {ImageEnhanced: "succeeded", ImageFailed: "failed", ImageCancelled: "cancelled"}


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
    posted: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    holds: dict[RunKey, ModelHold] = field(default_factory=dict)
    settled: dict[tuple[UUID, int], str] = field(default_factory=dict)
    granted: set[str] = field(default_factory=set)

    def open(self, account_id: str) -> None:
        """The first sight of an account."""
        self.posted.setdefault(account_id, self.opening_tokens)
        self.held.setdefault(account_id, 0)

    def grant(self, account_id: str, amount: int, key: str) -> None:
        """Tokens, once per key."""
        self.open(account_id)
        if key not in self.granted:
            self.granted.add(key)
            self.posted[account_id] += amount

    def hear(self, event: Event) -> bool:
        """Take an event; False: not yet."""
        if isinstance(event, JobSubmitted):
            self._submit(event)
            return True
        assert isinstance(event, ImageEnhanced | ImageFailed | ImageCancelled)
        if event.price_tokens and (event.job_id, event.run) not in self.holds:
            return False
        images = event.images if isinstance(event, ImageCancelled) else (event,)
        for image in images if event.price_tokens else ():
            self._settle((event.job_id, event.run), image.image_id, RESULTS[type(event)])
        return True

    def _submit(self, event: JobSubmitted) -> None:
        self.open(event.account_id)
        key = (event.job_id, event.run)
        if not event.price_tokens or key in self.holds:
            return
        amount = event.images_total * event.price_tokens
        declined = amount > self.posted[event.account_id] - self.held[event.account_id]
        self.holds[key] = ModelHold(event.account_id, event.price_tokens, amount, declined)
        self.held[event.account_id] += 0 if declined else amount

    def _settle(self, key: RunKey, image_id: UUID, result: str) -> None:
        hold = self.holds[key]
        before = self.settled.get((image_id, key[1]))
        if before and (before, result) != ("succeeded", "cancelled"):
            return
        self.settled[image_id, key[1]] = result
        price = 0 if hold.declined else hold.price
        if before:
            self.posted[hold.account_id] += price
            hold.captured -= price
        else:
            self.held[hold.account_id] -= price
        if result == "succeeded":
            self.posted[hold.account_id] -= price
            hold.captured += price
        else:
            hold.voided += price
