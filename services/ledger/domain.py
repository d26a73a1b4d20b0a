"""What the ledger writes down because of an event: pure, no I/O."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.events import ImageCancelled, ImageEvent, JobSubmitted

ISSUANCE = "system:issuance"
REVENUE = "system:revenue"

Result = Literal["succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account that an event is about to change.

    opening_tokens: open it with this grant if the ledger never saw it before; None: it is there already.
    """

    account_id: str
    opening_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens given to an account. The same key again is the same grant."""

    account_id: str
    amount: int
    key: str
    reason: str = "grant"

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
    """What newly settled images of one run took from its hold, in tokens. `first_image_id` is in no other such sum."""

    account_id: str
    job_id: UUID
    run: int
    first_image_id: UUID
    captured: int
    images_captured: int
    voided: int
    images_voided: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Tokens that change their owner."""

    key: str
    reason: str
    source: str
    target: str
    amount: int
    job_id: UUID | None = None
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What moves on an account, in tokens."""

    account_id: str
    posted: int = 0
    held: int = 0


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


def settle_image(event: ImageEvent, result: Result) -> Sequence[Account | Settlement]:
    """What an image's end changes in the books: nothing when it has no price."""
    if not event.price_tokens:
        return ()
    return Account(event.account_id), Settlement(event.job_id, event.run, event.image_id, result)


def settle_cancelled(event: ImageCancelled) -> Sequence[Account | Settlement]:
    """The same for images that will never run."""
    if not event.price_tokens:
        return ()
    images = [Settlement(event.job_id, event.run, image.image_id, "cancelled") for image in event.images]
    return Account(event.account_id), *images


def transfer_of_grant(grant: Grant) -> Transfer:
    """A grant as a transfer."""
    return Transfer(grant.key, grant.reason, source=ISSUANCE, target=grant.account_id, amount=grant.amount)


def transfer_of_capture(run: SettledRun) -> Transfer:
    """A run's captured tokens as a transfer; its key is as unique as the settlement of its first image."""
    return Transfer(
        f"capture:{run.job_id}:{run.run}:{run.first_image_id}",
        "capture",
        source=run.account_id,
        target=REVENUE,
        amount=run.captured,
        job_id=run.job_id,
        run=run.run,
    )


def opening_grants(opened: Collection[str], accounts: Iterable[Account]) -> list[Grant]:
    """The grants of accounts that were just opened."""
    tokens: dict[str, int] = {}
    for account in accounts:
        tokens[account.account_id] = max(account.opening_tokens or 0, tokens.get(account.account_id, 0))
    return [Grant(name, tokens[name], f"opening:{name}", "opening") for name in sorted(opened) if tokens[name]]
