"""The admin API's part about tokens: grants, what accounts have, and whether the books are right. Ours alone."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.gateway import idempotency, tokens
from services.gateway.api.callers import AdminOf, PortsOf
from services.gateway.api.problems import Problem, ProblemRaised, Responses
from services.gateway.api.product_views import time_text
from services.gateway.api.token_views import BalanceView, TransactionsView, balance_view, transactions_view
from services.gateway.api.tokens import Limit, Offset, Only
from services.gateway.idempotency import KEY_CHARACTERS_MAX, Answered, Claim
from services.gateway.keys import Caller
from services.gateway.ports import Ports
from services.gateway.tokens import Grant, NoSuchAccount
from shared.envelope import new_id
from shared.outcome import Connection

router = APIRouter(tags=["admin"], prefix="/api")

AMOUNT_MAX = 1_000_000_000
NOTE_CHARACTERS_MAX = 500
RETRY_SECONDS = "1"


def _problems(**described: str) -> Responses:
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {int(status[1:]): {"description": text, "content": content} for status, text in described.items()}


ADMIN = _problems(_401="An admin key is needed", _403="The key is no admin key")
OF_ACCOUNT = {**ADMIN, **_problems(_404="No such account")}


class GrantBody(BaseModel):
    """Tokens for an account."""

    model_config = ConfigDict(extra="forbid")

    amount: int = Field(ge=1, le=AMOUNT_MAX, strict=True, examples=[100])
    reason: Literal["bonus", "purchase"] = "bonus"
    note: str = Field("", max_length=NOTE_CHARACTERS_MAX, examples=["order 4711"])


class GrantView(BaseModel):
    """A grant, and the account right after it."""

    grant_id: str = Field(examples=["01a1fc41-0d3b-7c52-8f0e-5b8d3c6a9e17"])
    account_id: str = Field(examples=["shop"])
    amount: int = Field(examples=[100])
    balance: int = Field(description="what could be spent right after it", examples=[170])
    held: int = Field(description="what is set aside for jobs now", examples=[0])


class GrantPending(BaseModel):
    """A grant that was accepted: it will be given, once."""

    grant_id: str = Field(examples=["01a1fc41-0d3b-7c52-8f0e-5b8d3c6a9e17"])
    account_id: str = Field(examples=["shop"])
    amount: int = Field(examples=[100])


class CheckView(BaseModel):
    """Something that must be true of the books."""

    name: str = Field(examples=["granted = captured + posted"])
    ok: bool


class InvariantsView(BaseModel):
    """The books at one moment, and whether they are right."""

    holds: bool = Field(description="whether every check is ok", examples=[True])
    audited_at: str = Field(examples=["2026-11-21T03:57:36.691Z"])
    accounts: int
    transfers: int
    granted: int = Field(description="tokens ever given")
    captured: int = Field(description="tokens ever paid, and not paid back")
    posted: int = Field(description="tokens that belong to accounts, held ones included")
    held: int
    checks: list[CheckView]
    violations_total: int
    violations: list[str] = Field(description="a sentence each; the first hundred")


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
    account_id: str,
    body: GrantBody,
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
async def balance(account_id: str, _caller: Caller = AdminOf, ports: Ports = PortsOf) -> BalanceView:
    """As the account itself sees it, after crediting what has regenerated."""
    try:
        return balance_view(await tokens.look_at_balance(ports, account_id))
    except NoSuchAccount:
        raise _not_found(account_id) from None


@router.get("/admin/accounts/{account_id}/transactions", summary="An account's statement", responses=OF_ACCOUNT)
async def transactions(
    account_id: str,
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
    return _invariants_view(found)


def _invariants_view(found: dict[str, Any]) -> InvariantsView:
    checks = {
        "granted = captured + posted": found["granted"] == found["captured"] + found["posted"],
        "0 <= held <= posted": 0 <= found["held"] <= found["posted"],
        "every transfer, balance and hold keeps its rule": found["violations_total"] == 0,
    }
    view = {
        **found,
        "holds": all(checks.values()),
        "audited_at": time_text(datetime.fromisoformat(found["audited_at"])),
        "checks": [{"name": name, "ok": ok} for name, ok in checks.items()],
    }
    return InvariantsView.model_validate(view)
