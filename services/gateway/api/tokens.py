"""The albums door: an account's own tokens, their balance and every line of their statement."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.gateway import tokens
from services.gateway.api.callers import KeyedAccountOf, PortsOf
from services.gateway.api.problems import ErrorMessage, Responses
from services.gateway.api.token_views import BalanceView, TransactionsView, balance_view, transactions_view
from services.gateway.ports import Ports
from services.gateway.store.transactions import TransactionType

router = APIRouter(tags=["tokens"], prefix="/api/tokens")

KEYED: Responses = {
    401: {"model": ErrorMessage, "description": "An API key is needed"},
    503: {"model": ErrorMessage, "description": "The database is away"},
}
OFFSET_MAX = 1_000_000_000

Limit = Annotated[int, Query(ge=1, le=200, description="lines on the page")]
Offset = Annotated[int, Query(ge=0, le=OFFSET_MAX, description="lines before it")]
Only = Annotated[TransactionType | None, Query(alias="type", description="lines of this type alone")]


@router.get("/balance", summary="What can be spent", responses=KEYED)
async def balance(account_id: str = KeyedAccountOf, ports: Ports = PortsOf) -> BalanceView:
    """Tokens that have regenerated are credited first: one per full period, up to a cap, without a remainder lost."""
    return balance_view(await tokens.look_at_balance(ports, account_id))


@router.get(
    "/transactions",
    summary="Every change of the balance",
    responses={**KEYED, 400: {"model": ErrorMessage, "description": "No such page, or no such type"}},
)
async def transactions(
    limit: Limit = 50,
    offset: Offset = 0,
    only: Only = None,
    account_id: str = KeyedAccountOf,
    ports: Ports = PortsOf,
) -> TransactionsView:
    """Newest first. A job's whole price is spent when it begins, and comes back image by image for what failed."""
    return transactions_view(await tokens.list_transactions(ports, account_id, only, limit, offset), limit, offset)
