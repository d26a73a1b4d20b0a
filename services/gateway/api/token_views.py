"""How an account's tokens read: its balance and its statement, the same at the albums door and in the admin API."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from pydantic import BaseModel, Field

from services.gateway.api.product_views import time_text
from services.gateway.store.transactions import TransactionType
from services.gateway.tokens import Balance, Page
from shared.db import Row

LINES = UUID("5c0d9b1e-2f4a-5b7c-8d3e-6a1f0e9c7b24")
"""The namespace of lines' ids: a line keeps its id, even where the projection is made anew."""


class StatsView(BaseModel):
    """The sums of an account's statement."""

    totalSpent: int = Field(ge=0, examples=[50])
    totalEarned: int = Field(examples=[100])
    totalRefunded: int = Field(examples=[20])
    transactionCount: int = Field(examples=[4])


class BalanceView(BaseModel):
    """An account's tokens."""

    balance: int = Field(description="what can be spent", examples=[70])
    held: int = Field(description="set aside for jobs under way, no part of `balance`", examples=[10])
    lastRegeneration: str = Field(examples=["2026-11-21T03:45:00.000Z"])
    timeUntilNextRegenMs: int = Field(description="0 where regeneration is off", examples=[154_309])
    tokensAddedThisRequest: int = Field(description="what came by regeneration while we looked", examples=[0])
    stats: StatsView


class TransactionView(BaseModel):
    """One line of a statement."""

    id: str = Field(examples=["6f0c1a52-9a0e-5f0b-8f3a-0d1c2b3a4e5f"])
    type: TransactionType
    amount: int = Field(description="negative: spent", examples=[-50])
    balanceAfter: int = Field(examples=[50])
    source: str = Field(examples=["album_batch_enhancement"])
    sourceId: str = Field(examples=["album-01a1fc40-a233-74a1-9e9b-61c09a16c5cf-1795232256691"])
    metadata: dict[str, Any] = Field(
        examples=[{"tier": "TIER_2K", "albumId": "01a1fc40-a233-74a1-9e9b-61c09a16c5cf", "imageCount": 10}]
    )
    createdAt: str = Field(examples=["2026-11-21T03:57:36.691Z"])


class TransactionsView(BaseModel):
    """A page of a statement, newest first."""

    transactions: list[TransactionView]
    total: int = Field(examples=[4])
    limit: int = Field(examples=[50])
    offset: int = Field(examples=[0])


def balance_view(found: Balance) -> BalanceView:
    """The body of GET /api/tokens/balance."""
    until_next = found.next_at - found.seen_at if found.next_at else timedelta()
    return BalanceView(
        balance=found.available,
        held=found.held,
        lastRegeneration=time_text(found.regenerated_at),
        timeUntilNextRegenMs=until_next // timedelta(milliseconds=1),
        tokensAddedThisRequest=found.regenerated,
        stats=StatsView(
            totalSpent=found.spent,
            totalEarned=found.earned,
            totalRefunded=found.refunded,
            transactionCount=found.transactions,
        ),
    )


def transactions_view(page: Page, limit: int, offset: int) -> TransactionsView:
    """The body of GET /api/tokens/transactions."""
    return TransactionsView(
        transactions=[_transaction_view(line) for line in page.lines], total=page.total, limit=limit, offset=offset
    )


def _transaction_view(line: Row) -> TransactionView:
    metadata = json.loads(line["metadata"])
    return TransactionView(
        id=str(uuid5(LINES, f"{line['account_id']}/{line['version']}/{line['line']}")),
        type=line["type"],
        amount=line["amount"],
        balanceAfter=line["balance_after"],
        source=line["source"],
        sourceId=line["source_id"],
        metadata=metadata | {"reason": line["problem"]} if line["problem"] else metadata,
        createdAt=time_text(line["created_at"]),
    )
