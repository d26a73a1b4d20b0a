"""Tokens on demand: a balance with what is due to it, a grant, an audit.

Each asks the ledger by an event, then waits on the projection for a while. In time or not: nothing is lost, and nothing
happens twice.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg

from services.gateway.live import account_topic
from services.gateway.ports import Ports
from services.gateway.store import accounts, audits, balances, transactions
from services.gateway.store.transactions import TransactionType
from shared import outbox
from shared.envelope import new_id, new_traceparent
from shared.errors import DarkroomError
from shared.events import AuditRequested, Event, GrantRequested, RegenerationRequested
from shared.outcome import Connection
from shared.regeneration import Regeneration

REGENERATION_WAIT_SECONDS = 2
GRANT_WAIT_SECONDS = 5
AUDIT_WAIT_SECONDS = 10

Also = Callable[[Connection], Awaitable[None]]
"""Work for the transaction that asks the ledger."""


class NoSuchAccount(DarkroomError):
    """There is no such account."""


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's tokens, and the sums of its statement.

    regenerated: tokens that came by regeneration while we looked. next_at: when the next one is due; None: never.
    """

    available: int
    held: int
    regenerated_at: datetime
    seen_at: datetime
    next_at: datetime | None
    regenerated: int
    spent: int
    earned: int
    refunded: int
    transactions: int


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an account's statement, newest first, and how many lines there are in all."""

    lines: list[asyncpg.Record]
    total: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens that an operator gives."""

    account_id: str
    grant_id: UUID
    amount: int
    reason: Literal["purchase", "bonus"]
    note: str


@dataclass(frozen=True, slots=True)
class Granted:
    """An account right after a grant, and what is held of it now."""

    available: int
    held: int


async def look_at_balance(ports: Ports, account_id: str) -> Balance:
    """What an account has, after what has regenerated since; raises NoSuchAccount."""
    found = await _find_balance(ports, account_id)
    is_due = _is_due(ports.regeneration, found)
    if is_due or not found["version"]:
        await _ask(ports, RegenerationRequested(account_id=account_id))
    if not is_due:
        return _balance(ports.regeneration, found, 0)

    async def credited() -> asyncpg.Record | None:
        again = await _find_balance(ports, account_id)
        return again if again["regenerated_at"] > found["regenerated_at"] else None

    later = await ports.live.until(account_topic(account_id), credited, REGENERATION_WAIT_SECONDS) or found
    async with ports.database.connection() as connection:
        added = await transactions.sum_regenerated(connection, account_id, found["version"], later["version"])
    return _balance(ports.regeneration, later, added)


async def _find_balance(ports: Ports, account_id: str) -> asyncpg.Record:
    async with ports.database.connection() as connection:
        found = await balances.find_balance(connection, account_id)
    if found is None:
        raise NoSuchAccount(account_id)
    return found


def _is_due(regeneration: Regeneration, found: asyncpg.Record) -> bool:
    return regeneration.due(found["posted"], found["regenerated_at"], found["seen_at"])


def _balance(regeneration: Regeneration, found: asyncpg.Record, regenerated: int) -> Balance:
    """At the cap nothing is due, and the clock goes on; what is due and not credited yet still counts from before."""
    clock = regeneration.since(found["regenerated_at"], found["seen_at"])
    return Balance(
        available=found["posted"] - found["held"],
        held=found["held"],
        regenerated_at=found["regenerated_at"] if _is_due(regeneration, found) else clock,
        seen_at=found["seen_at"],
        next_at=clock + timedelta(seconds=regeneration.seconds) if regeneration.seconds else None,
        regenerated=regenerated,
        spent=found["spent"],
        earned=found["earned"],
        refunded=found["refunded"],
        transactions=found["transactions"],
    )


async def list_transactions(
    ports: Ports, account_id: str, only: TransactionType | None, limit: int, offset: int
) -> Page:
    """A page of an account's statement; raises NoSuchAccount."""
    async with ports.database.connection() as connection:
        if await accounts.find_account(connection, account_id) is None:
            raise NoSuchAccount(account_id)
        total = await transactions.count_lines(connection, account_id, only)
        return Page(await transactions.list_lines(connection, account_id, only, limit, offset), total)


async def request_grant(ports: Ports, grant: Grant, also: Also) -> None:
    """Ask the ledger for a grant; raises NoSuchAccount. What `also` writes is written with it, or neither is."""
    said = GrantRequested(
        account_id=grant.account_id,
        grant_id=grant.grant_id,
        amount=grant.amount,
        reason=grant.reason,
        note=grant.note,
    )
    async with ports.database.connection() as connection:
        if await accounts.find_account(connection, grant.account_id) is None:
            raise NoSuchAccount(grant.account_id)
    await _ask(ports, said, also)


async def await_grant(ports: Ports, account_id: str, grant_id: UUID) -> Granted | None:
    """The account after a grant that was asked for; None when the ledger takes longer."""

    async def given() -> Granted | None:
        async with ports.database.connection() as connection:
            line = await transactions.find_line(connection, account_id, str(grant_id))
            found = await balances.find_balance(connection, account_id)
        return Granted(line["balance_after"], found["held"]) if line and found else None

    return await ports.live.until(account_topic(account_id), given, GRANT_WAIT_SECONDS)


async def audit(ports: Ports) -> dict[str, Any] | None:
    """Have the books compared with their rules now: the facts of AuditCompleted; None when the ledger takes longer."""
    audit_id = new_id()

    async def note(connection: Connection) -> None:
        await audits.forget_old(connection)
        await audits.insert_audit(connection, audit_id)

    await _ask(ports, AuditRequested(audit_id=audit_id), note)

    async def answered() -> dict[str, Any] | None:
        async with ports.database.connection() as connection:
            found = await audits.find_audit(connection, audit_id)
        return json.loads(found["answer"]) if found else None

    return await ports.live.until(audit_id, answered, AUDIT_WAIT_SECONDS)


async def _nothing_else(_: Connection) -> None:
    return None


async def _ask(ports: Ports, event: Event, also: Also = _nothing_else) -> None:
    async with ports.database.transaction() as connection:
        await also(connection)
        posted = await outbox.add(connection, [outbox.following(new_traceparent(), event, source="gateway")])
    ports.relay.publish(posted)
