"""What the ledger says of one account: events with running versions and balances, as its change follows change."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from shared.envelope import new_id
from shared.events import (
    GrantReason,
    TokenEvent,
    TokensCaptured,
    TokensDeclined,
    TokensGranted,
    TokensHeld,
    TokensVoided,
)

BEGAN_AT = datetime(2026, 11, 21, 3, 45, tzinfo=UTC)


@dataclass
class Telling:
    """One account's ledger, kept by a test; `events` is what it has said so far."""

    account_id: str
    posted: int = 0
    held: int = 0
    version: int = 0
    events: list[TokenEvent] = field(default_factory=list)

    def granted(self, amount: int, reason: GrantReason = "bonus", grant_id: UUID | None = None, note: str = "") -> UUID:
        """The account was given tokens; the grant's id."""
        grant_id = grant_id or new_id()
        self.posted += amount
        named = grant_id if reason in ("bonus", "purchase") else None
        self.events.append(TokensGranted(**self._after(amount), reason=reason, grant_id=named, note=note))
        return grant_id

    def opened(self) -> None:
        """The ledger gave the account its clock, and no tokens."""
        self.events.append(TokensGranted(**self._after(0), reason="opening"))

    def held_for(self, job_id: UUID, amount: int) -> None:
        """A run's price was set aside, or declined."""
        if amount > self.posted - self.held:
            self.events.append(TokensDeclined(**self._after(amount), job_id=job_id, run=1))
        else:
            self.held += amount
            self.events.append(TokensHeld(**self._after(amount), job_id=job_id, run=1))

    def captured(self, job_id: UUID, amount: int, images: int) -> None:
        """Images were paid for."""
        self.held -= amount
        self.posted -= amount
        self.events.append(TokensCaptured(**self._after(amount), job_id=job_id, run=1, images=images))

    def voided(
        self, job_id: UUID, price: int, image_ids: list[UUID], result: Literal["failed", "cancelled"] = "failed"
    ) -> None:
        """What was held for images is free again."""
        self.held -= price * len(image_ids)
        self._freed(job_id, price, image_ids, result)

    def reversed(self, job_id: UUID, price: int, image_ids: list[UUID]) -> None:
        """What was paid for images is given back: they had been cancelled."""
        self.posted += price * len(image_ids)
        self._freed(job_id, price, image_ids, "cancelled")

    def _freed(self, job_id: UUID, price: int, image_ids: list[UUID], result: Literal["failed", "cancelled"]) -> None:
        facts = {"job_id": job_id, "run": 1, "images": len(image_ids), "image_ids": tuple(image_ids), "result": result}
        self.events.append(TokensVoided(**self._after(price * len(image_ids)), **facts))

    def _after(self, amount: int) -> dict[str, Any]:
        self.version += 1
        return {
            "account_id": self.account_id,
            "amount": amount,
            "balance": self.posted,
            "held": self.held,
            "account_version": self.version,
            "changed_at": BEGAN_AT + timedelta(seconds=self.version),
            "regenerated_at": BEGAN_AT + timedelta(minutes=15 * (self.version // 4)),
        }
