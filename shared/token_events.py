"""The events about accounts and their tokens: a part of shared/events.py, which names them all."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.facts import Event


class AccountOpened(Event):
    """An account was made."""

    type: ClassVar[str] = "account.opened.v1"
    account_id: str


class GrantRequested(Event):
    """An operator gives an account tokens; the same grant is given once."""

    type: ClassVar[str] = "grant.requested.v1"
    account_id: str
    grant_id: UUID
    amount: int = Field(gt=0)
    reason: Literal["purchase", "bonus"] = "bonus"
    note: str = ""


class RegenerationRequested(Event):
    """An account may have regenerated tokens: somebody looks at its balance."""

    type: ClassVar[str] = "regeneration.requested.v1"
    account_id: str


class AuditRequested(Event):
    """Somebody wants to know whether the books are right, now."""

    type: ClassVar[str] = "audit.requested.v1"
    audit_id: UUID


class AuditCompleted(Event):
    """What an audit found: the sums of the books at one moment, and every rule that they break."""

    type: ClassVar[str] = "audit.completed.v1"
    audit_id: UUID
    audited_at: datetime
    accounts: int
    transfers: int
    granted: int = Field(description="tokens ever given to accounts")
    captured: int = Field(description="tokens ever paid by accounts")
    posted: int = Field(description="tokens that belong to accounts now, held ones included")
    held: int
    violations_total: int
    violations: tuple[str, ...] = Field((), description="a sentence each; the first hundred")


class TokenEvent(Event):
    """What every event of the ledger carries: the account after the change; a higher version is newer."""

    account_id: str
    amount: int
    balance: int = Field(description="tokens that belong to the account, held ones included")
    held: int = Field(description="tokens set aside for jobs")
    account_version: int
    changed_at: datetime | None = None
    regenerated_at: datetime | None = Field(None, description="up to when the account's regeneration is credited")


GrantReason = Literal["opening", "regeneration", "purchase", "bonus"]


class TokensGranted(TokenEvent):
    """An account was given tokens; one that is opened without any is told with an amount of 0."""

    type: ClassVar[str] = "tokens.granted.v1"
    reason: GrantReason = "bonus"
    grant_id: UUID | None = None
    note: str = ""


class TokensHeld(TokenEvent):
    """A run's whole price is set aside: it may start."""

    type: ClassVar[str] = "tokens.held.v1"
    job_id: UUID
    run: int


class TokensDeclined(TokenEvent):
    """The account cannot pay for the run: it must not start."""

    type: ClassVar[str] = "tokens.declined.v1"
    job_id: UUID
    run: int


class TokensCaptured(TokenEvent):
    """Images succeeded and were paid for."""

    type: ClassVar[str] = "tokens.captured.v1"
    job_id: UUID
    run: int
    images: int


class TokensVoided(TokenEvent):
    """Images failed or were cancelled: what was set aside for them is free again."""

    type: ClassVar[str] = "tokens.voided.v1"
    job_id: UUID
    run: int
    images: int
    result: Literal["failed", "cancelled"] = "failed"
    image_ids: tuple[UUID, ...] = ()
