"""The admin API's part about tokens: grants, what accounts have, and whether the books are right. Ours alone."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse

from services.gateway import idempotency, tokens
from services.gateway.api.bodies import body_of, described
from services.gateway.api.callers import AdminOf, PortsOf
from services.gateway.api.ledger_views import GrantBody, GrantPending, GrantView, InvariantsView, invariants_view
from services.gateway.api.problems import ProblemRaised, problems
from services.gateway.api.token_views import BalanceView, TransactionsView, balance_view, transactions_view
from services.gateway.api.tokens import Limit, Offset, Only
from services.gateway.idempotency import KEY_CHARACTERS_MAX, Answered, Claim
from services.gateway.keys import Caller, is_account_id
from services.gateway.ports import Ports
from services.gateway.tokens import Grant, NoSuchAccount
from shared.envelope import new_id
from shared.outcome import Connection

router = APIRouter(tags=["admin"], prefix="/api")

RETRY_SECONDS = "1"

GRANT_BODY = body_of(GrantBody)


def account_named(account_id: str, _caller: Caller = AdminOf) -> str:
    """The account that an operator's path names; raises 404 for what can be no account's id, after 401 and 403."""
    if not is_account_id(account_id):
        raise _not_found(account_id)
    return account_id


AccountNamed = Depends(account_named)

REFUSALS = {401: "An API key is needed", 403: "It is not an admin key"}
OF_ACCOUNT = problems({**REFUSALS, 404: "No such account", 422: "Something in the request is malformed"})


@router.post(
    "/admin/accounts/{account_id}/grants",
    status_code=201,
    summary="Give an account tokens",
    response_model=GrantView,
    responses={
        **OF_ACCOUNT,
        **problems({409: "A request with this Idempotency-Key is still running"}),
        **problems({422: "Not a grant, or the Idempotency-Key was used for another one"}),
        202: {"model": GrantPending, "description": "Accepted and not booked yet: repeat with the same key to see it"},
    },
    openapi_extra=described(GrantBody),
)
async def grant(
    account_id: str = AccountNamed,
    body: GrantBody = GRANT_BODY,
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
async def balance(account_id: str = AccountNamed, ports: Ports = PortsOf) -> BalanceView:
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
    ports: Ports = PortsOf,
) -> TransactionsView:
    """As the account itself sees it, newest first."""
    try:
        return transactions_view(await tokens.list_transactions(ports, account_id, only, limit, offset), limit, offset)
    except NoSuchAccount:
        raise _not_found(account_id) from None


def _not_found(account_id: str) -> ProblemRaised:
    return ProblemRaised(404, f"There is no account {account_id}")


@router.get(
    "/ledger/invariants",
    summary="Whether the books are right",
    responses=problems({**REFUSALS, 503: "The ledger has not answered in time: ask again after Retry-After seconds"}),
    dependencies=[AdminOf],
)
async def invariants(ports: Ports = PortsOf) -> InvariantsView:
    """The ledger compares its books with their rules now: every transfer sums to zero, every balance equals its
    entries, every hold its settlements."""
    found = await tokens.audit(ports)
    if found is None:
        raise ProblemRaised(503, "The ledger has not answered in time", {"Retry-After": RETRY_SECONDS})
    return invariants_view(found)
