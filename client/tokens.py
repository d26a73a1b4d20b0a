"""Tokens from Python, for operators: grants, balances, statements, and whether the books are right."""

import time
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

from pydantic import BaseModel

from client.admin import Operated
from client.calls import RETRY_SECONDS, Away

BOOKED_SECONDS_MAX = 60.0

Reason = Literal["bonus", "purchase"]


class Granted(BaseModel):
    """A grant, and what the account could spend right after it."""

    grant_id: str
    account_id: str
    amount: int
    balance: int
    held: int


class Stats(BaseModel):
    """The sums of a statement."""

    totalSpent: int
    totalEarned: int
    totalRefunded: int
    transactionCount: int


class Balance(BaseModel):
    """An account's tokens."""

    balance: int
    held: int
    lastRegeneration: datetime
    timeUntilNextRegenMs: int
    tokensAddedThisRequest: int
    stats: Stats


class Transaction(BaseModel):
    """One line of a statement."""

    id: str
    type: str
    amount: int
    balanceAfter: int
    source: str
    sourceId: str
    metadata: dict[str, Any]
    createdAt: datetime


class Statement(BaseModel):
    """A page of an account's statement, the newest line first; total: lines in all."""

    transactions: list[Transaction]
    total: int


class Check(BaseModel):
    """Something that must be true of the books."""

    name: str
    ok: bool


class Invariants(BaseModel):
    """The books at one moment, and whether they are right."""

    holds: bool
    audited_at: datetime
    accounts: int
    transfers: int
    granted: int
    captured: int
    posted: int
    held: int
    checks: list[Check]
    violations_total: int
    violations: list[str]


class Tokens(Operated):
    """One gateway, to its operator: its API key is an admin key. Raises Refused and Away."""

    def grant(self, account_id: str, amount: int, reason: Reason = "bonus", note: str = "") -> Granted:
        """Give an account tokens, once; waits until they are booked."""
        key, deadline = str(uuid4()), time.monotonic() + BOOKED_SECONDS_MAX
        body = {"amount": amount, "reason": reason, "note": note}
        while (response := self._post(f"{_account(account_id)}/grants", body, key)).status_code != HTTPStatus.CREATED:
            if time.monotonic() > deadline:
                raise Away(f"The grant is accepted, and not booked within {BOOKED_SECONDS_MAX:.0f} s.")
            time.sleep(RETRY_SECONDS)
        return Granted.model_validate(response.json())

    def balance(self, account_id: str) -> Balance:
        """What an account has."""
        return Balance.model_validate(self._get(f"{_account(account_id)}/balance").json())

    def statement(self, account_id: str, limit: int = 50) -> Statement:
        """The last lines of an account's statement."""
        return Statement.model_validate(self._get(f"{_account(account_id)}/transactions?limit={limit}").json())

    def invariants(self) -> Invariants:
        """Have the ledger compare its books with their rules now."""
        return Invariants.model_validate(self._get("/api/ledger/invariants").json())


def _account(account_id: str) -> str:
    return f"/api/admin/accounts/{quote(account_id, safe='')}"
