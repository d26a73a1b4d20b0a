"""How the ledger's rows are written in bulk, and which events follow from what the database decided.

The order of RECORDERS is the order of locks: accounts first and sorted, then all that hangs on them, the meters last.
"""

from collections.abc import Iterator, Sequence
from typing import TypedDict
from uuid import UUID

from services.ledger import domain, invariants, store
from services.ledger.domain import Account, Audit, Change, Grant, Hold, SettledRun, Settlement, Usage
from services.ledger.store import Balance
from shared.errors import NotYet
from shared.events import AuditCompleted, Event, TokensCaptured, TokensDeclined, TokensGranted, TokensHeld, TokensVoided
from shared.outcome import Connection, Recorder

HOLD_WAIT_SECONDS = 1
VIOLATIONS_TOLD_MAX = 100


async def open_accounts(connection: Connection, accounts: Sequence[Account]) -> Sequence[Event]:
    """Lock the accounts; those that are new get their opening grant."""
    to_open = {account.account_id for account in accounts if account.opening_tokens is not None}
    opened = await store.insert_accounts(connection, to_open) if to_open else set()
    await store.lock_accounts(connection, {account.account_id for account in accounts})
    return await grant(connection, domain.opening_grants(opened, accounts))


async def grant(connection: Connection, grants: Sequence[Grant]) -> Sequence[Event]:
    """Give tokens once per key. Record an Account beside each grant, which opens and locks it."""
    by_key = {given.key: given for given in grants}
    if not by_key:
        return ()
    new = await store.insert_transfers(connection, [domain.transfer_of_grant(given) for given in by_key.values()])
    changes = [Change(given.account_id, posted=given.amount) for key, given in by_key.items() if key in new]
    balances = await store.change_balances(connection, changes)
    return [
        TokensGranted(amount=change.posted, **_after(change.account_id, balances[change.account_id]))
        for change in changes
    ]


async def hold_prices(connection: Connection, holds: Sequence[Hold]) -> Sequence[Event]:
    """Set each run's price aside, or decline it, once per run."""
    by_run = {(hold.job_id, hold.run): hold for hold in holds}
    decided = await store.insert_holds(connection, list(by_run.values()))
    changes = [Change(by_run[run].account_id, held=by_run[run].amount if held else 0) for run, held in decided.items()]
    balances = await store.change_balances(connection, changes)
    return [_decision(by_run[run], held, balances) for run, held in decided.items()]


async def settle(connection: Connection, settlements: Sequence[Settlement]) -> Sequence[Event]:
    """Capture or void each image once; raises NotYet while a run's hold is not there."""
    runs: set[tuple[UUID, int]] = {(settlement.job_id, settlement.run) for settlement in settlements}
    if await store.count_missing_holds(connection, runs):
        raise NotYet("hold not there yet", seconds=HOLD_WAIT_SECONDS)
    settled = await store.insert_settlements(connection, settlements)
    captures = [domain.transfer_of_capture(run) for run in settled if run.captured]
    made = await store.insert_transfers(connection, captures)
    assert len(made) == len(captures), "an image is settled once, so a capture's key is new"
    changes = [Change(run.account_id, -run.captured, -run.captured - run.voided) for run in settled]
    balances = await store.change_balances(connection, changes)
    return [event for run in settled for event in _settled(run, balances[run.account_id])]


async def meter(connection: Connection, usages: Sequence[Usage]) -> Sequence[Event]:
    """Add up what was used, priced or not."""
    await store.add_usage(connection, usages)
    return ()


async def audit(connection: Connection, audits: Sequence[Audit]) -> Sequence[Event]:
    """Compare the books with their rules, and add them up."""
    found = await invariants.find_violations(connection)
    sums = dict(await store.sum_books(connection))
    return [
        AuditCompleted(
            audit_id=each.audit_id, violations_total=len(found), violations=tuple(found[:VIOLATIONS_TOLD_MAX]), **sums
        )
        for each in audits
    ]


class _After(TypedDict):
    account_id: str
    balance: int
    held: int
    account_version: int


def _after(account_id: str, balance: Balance) -> _After:
    return _After(account_id=account_id, balance=balance.posted, held=balance.held, account_version=balance.version)


def _decision(hold: Hold, held: bool, balances: dict[str, Balance]) -> Event:
    decision = TokensHeld if held else TokensDeclined
    after = _after(hold.account_id, balances[hold.account_id])
    return decision(job_id=hold.job_id, run=hold.run, amount=hold.amount, **after)


def _settled(run: SettledRun, balance: Balance) -> Iterator[Event]:
    after = _after(run.account_id, balance)
    if run.captured:
        yield TokensCaptured(job_id=run.job_id, run=run.run, amount=run.captured, images=run.images_captured, **after)
    if run.voided:
        yield TokensVoided(job_id=run.job_id, run=run.run, amount=run.voided, images=run.images_voided, **after)


RECORDERS: dict[type, Recorder] = {
    Account: open_accounts,
    Grant: grant,
    Hold: hold_prices,
    Settlement: settle,
    Usage: meter,
    Audit: audit,
}
