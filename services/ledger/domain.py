"""What the ledger writes down because of an event: pure, no I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from shared.events import GrantReason, GrantRequested, ImageCancelled, ImageEvent, JobSubmitted
from shared.regeneration import Regeneration

ISSUANCE = "system:issuance"
REVENUE = "system:revenue"
LOCAL_ACCOUNT = "local"

Result = Literal["succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account that an event is about to change; what has regenerated until now is credited first.

    opening_tokens: open it with this grant if the ledger never saw it before; None: it is there already.
    """

    account_id: str
    regeneration: Regeneration
    opening_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What accounts are given without asking, in tokens."""

    regeneration: Regeneration
    opening_tokens: int = 0
    local_opening_tokens: int = 0

    def known(self, account_id: str) -> Account:
        """An account that must be there."""
        return Account(account_id, self.regeneration)

    def opened(self, account_id: str) -> Account:
        """An account that is opened if it is new."""
        tokens = self.local_opening_tokens if account_id == LOCAL_ACCOUNT else self.opening_tokens
        return Account(account_id, self.regeneration, tokens)


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens given to an account. The same key again is the same grant."""

    account_id: str
    amount: int
    key: str
    reason: GrantReason
    grant_id: UUID | None = None
    note: str = ""

    def __post_init__(self) -> None:
        assert self.amount > 0, "a grant gives something"


@dataclass(frozen=True, slots=True)
class Hold:
    """A run's whole price, to be set aside or declined."""

    account_id: str
    job_id: UUID
    run: int
    images_total: int
    price_tokens: int

    @property
    def amount(self) -> int:
        """The price of the run when every image succeeds, in tokens."""
        return self.images_total * self.price_tokens


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an image of a priced run ended; the hold knows its price."""

    job_id: UUID
    run: int
    image_id: UUID
    result: Result


@dataclass(frozen=True, slots=True)
class SettledRun:
    """Images of one run that are newly settled, by how they ended. Each is in no other such list."""

    account_id: str
    job_id: UUID
    run: int
    price_tokens: int
    succeeded: Sequence[UUID] = ()
    failed: Sequence[UUID] = ()
    cancelled: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class ReversedRun:
    """Images of one run that were paid for and turned out to be cancelled. Each is in no other such list."""

    account_id: str
    job_id: UUID
    run: int
    price_tokens: int
    image_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Tokens that change their owner."""

    key: str
    reason: GrantReason | Literal["capture", "refund"]
    source: str
    target: str
    amount: int
    job_id: UUID | None = None
    run: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What moves on an account, in tokens."""

    account_id: str
    posted: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """An account after a change."""

    posted: int
    held: int
    version: int
    changed_at: datetime
    regenerated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Clock:
    """An account's clock of regeneration, and what the account has when it is looked at."""

    account_id: str
    posted: int
    regenerated_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class ClockMove:
    """An account's clock goes on by whole periods, and gives so many tokens: none at the cap."""

    account_id: str
    since: datetime
    until: datetime
    tokens: int


@dataclass(frozen=True, slots=True)
class Audit:
    """Somebody wants to know whether the books are right."""

    audit_id: UUID


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account used, priced or not."""

    account_id: str
    images_succeeded: int = 0
    images_failed: int = 0
    images_cancelled: int = 0
    source_bytes: int = 0
    rendition_bytes: int = 0


def hold_for(event: JobSubmitted) -> Sequence[Hold]:
    """The hold that a run needs: none when it has no price."""
    if not event.price_tokens:
        return ()
    return (Hold(event.account_id, event.job_id, event.run, event.images_total, event.price_tokens),)


def settle_image(event: ImageEvent, result: Result, terms: Terms) -> Sequence[Account | Settlement]:
    """What an image's end changes in the books: nothing when it has no price."""
    if not event.price_tokens:
        return ()
    return terms.known(event.account_id), Settlement(event.job_id, event.run, event.image_id, result)


def settle_cancelled(event: ImageCancelled, terms: Terms) -> Sequence[Account | Settlement]:
    """The same for images that will never run."""
    if not event.price_tokens:
        return ()
    images = [Settlement(event.job_id, event.run, image.image_id, "cancelled") for image in event.images]
    return terms.known(event.account_id), *images


def grant_of(event: GrantRequested) -> Grant:
    """What an operator gives."""
    key = f"grant:{event.grant_id}"
    return Grant(event.account_id, event.amount, key, event.reason, event.grant_id, event.note)


def opening_grants(opened: Collection[str], accounts: Iterable[Account]) -> list[Grant]:
    """The grants of accounts that were just opened."""
    tokens: dict[str, int] = {}
    for account in accounts:
        tokens[account.account_id] = max(account.opening_tokens or 0, tokens.get(account.account_id, 0))
    return [Grant(name, tokens[name], f"opening:{name}", "opening") for name in sorted(opened) if tokens[name]]


def clock_moves(clocks: Iterable[Clock], accounts: Iterable[Account]) -> list[ClockMove]:
    """How the clocks go on by which at least one full period has passed."""
    rules = {account.account_id: account.regeneration for account in accounts}
    moves = []
    for clock in clocks:
        tokens, until = rules[clock.account_id].credit(clock.posted, clock.regenerated_at, clock.now)
        if until > clock.regenerated_at:
            moves.append(ClockMove(clock.account_id, clock.regenerated_at, until, tokens))
    return moves


def regeneration_grants(moves: Iterable[ClockMove]) -> list[Grant]:
    """What the clocks give: once per account and position that its clock is moved from."""
    return [
        Grant(
            move.account_id,
            move.tokens,
            f"regeneration:{move.account_id}:{move.since.astimezone(UTC).isoformat()}",
            "regeneration",
        )
        for move in moves
        if move.tokens
    ]


def outcomes_of(settlements: Iterable[Settlement]) -> list[Settlement]:
    """One outcome per image and run: the first one stands, but what is cancelled did not succeed."""
    outcomes: dict[tuple[UUID, int], Settlement] = {}
    for settlement in settlements:
        key = (settlement.image_id, settlement.run)
        first = outcomes.setdefault(key, settlement)
        if first.result == "succeeded" and settlement.result == "cancelled":
            outcomes[key] = settlement
    return list(outcomes.values())


def running_balances(changes: Sequence[Change], after: Mapping[str, Balance]) -> list[Balance]:
    """Each change's account right after it, where `after` has the accounts after all of them."""
    account_after = dict(after)
    balances = []
    for change in reversed(changes):
        balance = account_after[change.account_id]
        balances.append(balance)
        account_after[change.account_id] = replace(
            balance, posted=balance.posted - change.posted, held=balance.held - change.held, version=balance.version - 1
        )
    return balances[::-1]
