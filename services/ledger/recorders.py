"""How the ledger's rows are written in bulk, and which events follow from what the database decided.

The order of RECORDERS is the order of locks: accounts first and sorted, then all that hangs on them, the meters last.
"""

from collections.abc import Sequence
from uuid import UUID

from services.ledger import domain, invariants, postings
from services.ledger.domain import Account, Audit, Clock, Grant, Hold, Settlement, Transfer, Usage
from services.ledger.postings import Posting
from services.ledger.store import accounts as account_store, holds as hold_store, settlements, transfers, usage
from shared.errors import NotYet
from shared.events import AuditCompleted, Event
from shared.outcome import Connection, Recorder

HOLD_WAIT_SECONDS = 1
VIOLATIONS_TOLD_MAX = 100


async def open_accounts(connection: Connection, accounts: Sequence[Account]) -> Sequence[Event]:
    """Lock the accounts and credit what has regenerated; those that are new get their opening grant."""
    to_open = {account.account_id for account in accounts if account.opening_tokens is not None}
    opened = await account_store.insert_accounts(connection, to_open) if to_open else set()
    clocks = await account_store.lock_accounts(connection, {account.account_id for account in accounts})
    opening = domain.opening_grants(opened, accounts)
    empty = sorted(opened - {given.account_id for given in opening})
    regenerated = await regenerate(connection, clocks, accounts)
    told = await _post(connection, [postings.of_opening(account_id) for account_id in empty])
    return [*told, *await grant(connection, [*opening, *regenerated])]


async def regenerate(connection: Connection, clocks: Sequence[Clock], accounts: Sequence[Account]) -> list[Grant]:
    """Move the clocks that are due; what they give: nothing when they were moved since they were seen."""
    moves = domain.clock_moves(clocks, accounts)
    moved = await account_store.move_clocks(connection, moves) if moves else set()
    return domain.regeneration_grants(move for move in moves if move.account_id in moved)


async def grant(connection: Connection, grants: Sequence[Grant]) -> Sequence[Event]:
    """Give tokens once per key. Record an Account beside each grant, which opens and locks it."""
    by_key: dict[str, Grant] = {}
    for given in grants:
        by_key.setdefault(given.key, given)
    new = await _transfer(connection, [postings.transfer_of_grant(given) for given in by_key.values()])
    return await _post(connection, [postings.of_grant(given) for key, given in by_key.items() if key in new])


async def hold_prices(connection: Connection, holds: Sequence[Hold]) -> Sequence[Event]:
    """Set each run's price aside, or decline it, once per run."""
    by_run = {(hold.job_id, hold.run): hold for hold in holds}
    decided = await hold_store.insert_holds(connection, list(by_run.values()))
    return await _post(connection, [postings.of_hold(by_run[run], decided[run]) for run in sorted(decided)])


async def settle(connection: Connection, outcomes: Sequence[Settlement]) -> Sequence[Event]:
    """Capture or void each image once, give back what was captured for cancelled ones; NotYet without a run's hold."""
    runs: set[tuple[UUID, int]] = {(outcome.job_id, outcome.run) for outcome in outcomes}
    if await hold_store.count_missing_holds(connection, runs):
        raise NotYet("hold not there yet", seconds=HOLD_WAIT_SECONDS)
    settled = await settlements.insert_settlements(connection, domain.outcomes_of(outcomes))
    cancelled = [outcome for outcome in outcomes if outcome.result == "cancelled"]
    reversals = await settlements.reverse_settlements(connection, cancelled) if cancelled else []
    moved = [postings.transfer_of_capture(run) for run in settled if run.succeeded]
    moved += [transfer for run in reversals for transfer in postings.transfers_of_refund(run)]
    made = await _transfer(connection, moved)
    assert len(made) == len(moved), "an image is settled once and reversed once, so a transfer's key is new"
    posted = [posting for run in settled for posting in postings.of_settled(run)]
    return await _post(connection, [*posted, *(posting for run in reversals for posting in postings.of_reversed(run))])


async def meter(connection: Connection, usages: Sequence[Usage]) -> Sequence[Event]:
    """Add up what was used, priced or not."""
    await usage.add_usage(connection, usages)
    return ()


async def audit(connection: Connection, audits: Sequence[Audit]) -> Sequence[Event]:
    """Compare the books with their rules, and add them up."""
    found = await invariants.find_violations(connection)
    sums = dict(await transfers.sum_books(connection))
    return [
        AuditCompleted(
            audit_id=each.audit_id, violations_total=len(found), violations=tuple(found[:VIOLATIONS_TOLD_MAX]), **sums
        )
        for each in audits
    ]


async def _transfer(connection: Connection, moved: Sequence[Transfer]) -> set[str]:
    return await transfers.insert_transfers(connection, moved) if moved else set()


async def _post(connection: Connection, posted: Sequence[Posting]) -> list[Event]:
    """Change the accounts by the postings, in their order; the events that tell them."""
    if not posted:
        return []
    changes = [posting.change for posting in posted]
    after = await account_store.change_balances(connection, changes)
    balances = domain.running_balances(changes, after)
    return [posting.told(balance) for posting, balance in zip(posted, balances, strict=True)]


RECORDERS: dict[type, Recorder] = {
    Account: open_accounts,
    Grant: grant,
    Hold: hold_prices,
    Settlement: settle,
    Usage: meter,
    Audit: audit,
}
