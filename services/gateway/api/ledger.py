"""The admin API's part about tokens: grants, what accounts have, and whether the books are right. Ours alone."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse

from services.gateway import idempotency, tokens
from services.gateway.api.callers import AdminOf, PortsOf
from services.gateway.api.ledger_views import GrantBody, GrantPending, GrantView, InvariantsView, invariants_view
from services.gateway.api.problems import Problem, ProblemRaised, Responses
from services.gateway.api.token_views import BalanceView, TransactionsView, balance_view, transactions_view
from services.gateway.api.tokens import Limit, Offset, Only
from services.gateway.idempotency import KEY_CHARACTERS_MAX, Answered, Claim
from services.gateway.keys import Caller
from services.gateway.ports import Ports
from services.gateway.tokens import Grant, NoSuchAccount
from shared.envelope import new_id
from shared.outcome import Connection

router = APIRouter(tags=["admin"], prefix="/api")

ACCOUNT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
RETRY_SECONDS = "1"


def _problems(**described: str) -> Responses:
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in described.items()}


def account_named(account_id: str, _caller: Caller = AdminOf) -> str:
    """The account that an operator's path names; raises 404 for what can be no account's id, after 401 and 403."""
    if not ACCOUNT_ID.fullmatch(account_id):
        raise _not_found(account_id)
    return account_id


AccountNamed = Depends(account_named)

ADMIN = _problems(_401="An admin key is needed", _403="The key is no admin key")
OF_ACCOUNT = {**ADMIN, **_problems(_404="No such account")}


@router.post(
    "/admin/accounts/{account_id}/grants",
    status_code=201,
    summary="Give an account tokens",
    response_model=GrantView,
    responses={
        **OF_ACCOUNT,
        202: {"model": GrantPending, "description": "Accepted and not booked yet: repeat with the same key to see it"},
        409: {"model": Problem, "description": "A request with this Idempotency-Key is still running"},
        422: {"model": Problem, "description": "Not a grant, or the Idempotency-Key was used for another one"},
    },
)
async def grant(
    body: GrantBody,
    account_id: str = AccountNamed,
    idempotency_key: Annotated[str | None, Header(max_length=KEY_CHARACTERS_MAX)] = None,
    caller: Caller = AdminOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """Given once: with an `Idempotency-Key` a repeat finds the grant that the first request made."""
    asked = Grant(account_id, new_id(), body.amount, body.reason, body.note)
    claim = await _claim(ports, caller, idempotency_key, account_id, body)
    if isinstance(claim, Answered):
        return await _granted(ports, claim.body)
    pending = GrantPending(grant_id=str(asked.grant_id), account_id=account_id, amount=body.amount).model_dump()

    async def keep_answer(connection: Connection) -> None:
        if claim:
            await claim.answer(connection, 202, pending)

    try:
        await tokens.request_grant(ports, asked, keep_answer)
    except BaseException as error:
        if claim:
            await claim.release(ports.database)
        raise _not_found(account_id) if isinstance(error, NoSuchAccount) else error from None
    return await _granted(ports, pending)


async def _claim(
    ports: Ports, caller: Caller, key: str | None, account_id: str, body: GrantBody
) -> Claim | Answered | None:
    if key is None:
        return None
    same = idempotency.fingerprint({"account_id": account_id, "grant": body.model_dump_json()})
    return await idempotency.claim(ports.database, caller.account_id, "grant", key, same)


async def _granted(ports: Ports, pending: dict[str, Any]) -> JSONResponse:
    """What became of a grant that was asked for, now or by an earlier request with the same key."""
    found = await tokens.await_grant(ports, pending["account_id"], UUID(pending["grant_id"]))
    if found is None:
        return JSONResponse(pending, 202, headers={"Retry-After": RETRY_SECONDS})
    return JSONResponse(pending | {"balance": found.available, "held": found.held}, 201)


@router.get("/admin/accounts/{account_id}/balance", summary="What an account has", responses=OF_ACCOUNT)
async def balance(account_id: str = AccountNamed, _caller: Caller = AdminOf, ports: Ports = PortsOf) -> BalanceView:
    """As the account itself sees it, after crediting what has regenerated."""
    try:
        return balance_view(await tokens.look_at_balance(ports, account_id))
    except NoSuchAccount:
        raise _not_found(account_id) from None


@router.get("/admin/accounts/{account_id}/transactions", summary="An account's statement", responses=OF_ACCOUNT)
async def transactions(
    account_id: str = AccountNamed,
    limit: Limit = 50,
    offset: Offset = 0,
    only: Only = None,
    _caller: Caller = AdminOf,
    ports: Ports = PortsOf,
) -> TransactionsView:
    """As the account itself sees it, newest first."""
    try:
        return transactions_view(await tokens.list_transactions(ports, account_id, only, limit, offset), limit, offset)
    except NoSuchAccount:
        raise _not_found(account_id) from None


def _not_found(account_id: str) -> ProblemRaised:
    return ProblemRaised(404, f"there is no account {account_id}")


@router.get(
    "/ledger/invariants",
    summary="Whether the books are right",
    responses={**ADMIN, **_problems(_503="The ledger has not answered in time: ask again after Retry-After seconds")},
)
async def invariants(_caller: Caller = AdminOf, ports: Ports = PortsOf) -> InvariantsView:
    """The ledger compares its books with their rules now: every transfer sums to zero, every balance equals its
    entries, every hold its settlements."""
    found = await tokens.audit(ports)
    if found is None:
        raise ProblemRaised(503, "the ledger has not answered in time", {"Retry-After": RETRY_SECONDS})
    return invariants_view(found)
