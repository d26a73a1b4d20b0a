"""Postings: each change of an account with the event that tells it, and the transfers behind the changes. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.ledger.domain import ISSUANCE, REVENUE, Balance, Change, Grant, Hold, ReversedRun, SettledRun, Transfer
from shared.events import TokenEvent, TokensCaptured, TokensDeclined, TokensGranted, TokensHeld, TokensVoided

IMAGES_TOLD_MAX = 500
"""So many images one event names."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A change of an account, and the event that tells it; `amount` is what the event is about, in tokens."""

    change: Change
    event: type[TokenEvent]
    amount: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def told(self, after: Balance) -> TokenEvent:
        """The event, with the account right after the change."""
        return self.event(
            account_id=self.change.account_id,
            amount=self.amount,
            balance=after.posted,
            held=after.held,
            account_version=after.version,
            changed_at=after.changed_at,
            regenerated_at=after.regenerated_at,
            **self.facts,
        )


def of_opening(account_id: str) -> Posting:
    """An account was opened without tokens; its clock runs, and others want to know since when."""
    return Posting(Change(account_id), TokensGranted, 0, {"reason": "opening"})


def of_grant(grant: Grant) -> Posting:
    """An account was given tokens."""
    facts = {"reason": grant.reason, "grant_id": grant.grant_id, "note": grant.note}
    return Posting(Change(grant.account_id, posted=grant.amount), TokensGranted, grant.amount, facts)


def of_hold(hold: Hold, is_held: bool) -> Posting:
    """A run's price was set aside, or declined."""
    change = Change(hold.account_id, held=hold.amount if is_held else 0)
    facts = {"job_id": hold.job_id, "run": hold.run}
    return Posting(change, TokensHeld if is_held else TokensDeclined, hold.amount, facts)


def of_settled(settled: SettledRun) -> Iterator[Posting]:
    """Images of a run were paid for, or are not to be paid for."""
    if settled.succeeded:
        amount = len(settled.succeeded) * settled.price_tokens
        facts = {"job_id": settled.job_id, "run": settled.run, "images": len(settled.succeeded)}
        yield Posting(Change(settled.account_id, -amount, -amount), TokensCaptured, amount, facts)
    for result, image_ids in (("failed", settled.failed), ("cancelled", settled.cancelled)):
        for part in _parts(image_ids):
            amount = len(part) * settled.price_tokens
            yield _voided(settled, Change(settled.account_id, held=-amount), amount, result, part)


def of_reversed(run: ReversedRun) -> Iterator[Posting]:
    """Images of a run had been paid for, and were cancelled."""
    for part in _parts(run.image_ids):
        amount = len(part) * run.price_tokens
        yield _voided(run, Change(run.account_id, posted=amount), amount, "cancelled", part)


def transfer_of_grant(grant: Grant) -> Transfer:
    """A grant as a transfer."""
    return Transfer(grant.key, grant.reason, ISSUANCE, grant.account_id, grant.amount, note=grant.note)


def transfer_of_capture(run: SettledRun) -> Transfer:
    """A run's captured tokens as a transfer; its key is as unique as the settlement of its first image."""
    return Transfer(
        f"capture:{run.job_id}:{run.run}:{min(run.succeeded)}",
        "capture",
        source=run.account_id,
        target=REVENUE,
        amount=len(run.succeeded) * run.price_tokens,
        job_id=run.job_id,
        run=run.run,
    )


def transfers_of_refund(run: ReversedRun) -> list[Transfer]:
    """What was captured for images on its way back: one transfer each, so that none can come back twice."""
    return [
        Transfer(
            f"refund:{run.job_id}:{run.run}:{image_id}",
            "refund",
            source=REVENUE,
            target=run.account_id,
            amount=run.price_tokens,
            job_id=run.job_id,
            run=run.run,
        )
        for image_id in run.image_ids
    ]


def _voided(
    run: SettledRun | ReversedRun, change: Change, amount: int, result: str, image_ids: Sequence[UUID]
) -> Posting:
    facts = {
        "job_id": run.job_id,
        "run": run.run,
        "images": len(image_ids),
        "result": result,
        "image_ids": tuple(image_ids),
    }
    return Posting(change, TokensVoided, amount, facts)


def _parts(image_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(image_ids), IMAGES_TOLD_MAX):
        yield image_ids[start : start + IMAGES_TOLD_MAX]
