"""Accounts and their API keys, for operators: an admin key opens it, and it is never counted. Ours alone."""

from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse

from services.gateway import accounts, idempotency
from services.gateway.accounts import LastAdminKey, NoSuchKey
from services.gateway.api.admin_views import (
    AccountMade,
    AccountsView,
    AccountView,
    KeyMade,
    KeysView,
    KeyView,
    NewAccount,
    NewKey,
    account_view,
    key_made,
    key_view,
)
from services.gateway.api.bodies import body_of, described
from services.gateway.api.callers import AdminOf, PortsOf
from services.gateway.api.problems import ProblemRaised, Responses, problems
from services.gateway.api.product_views import time_text
from services.gateway.idempotency import KEY_CHARACTERS_MAX, Answered, Claim
from services.gateway.keys import Caller, is_account_id
from services.gateway.ports import Ports
from services.gateway.store import accounts as store

router = APIRouter(tags=["admin"], prefix="/api/admin")

OFFSET_MAX = 1_000_000_000

NEW_ACCOUNT, NEW_KEY = body_of(NewAccount), body_of(NewKey)

Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=OFFSET_MAX)]

REFUSALS = {401: "An API key is needed", 403: "It is not an admin key", 422: "Something in the request is malformed"}
BASICS: Responses = problems(REFUSALS)
UNKNOWN_ACCOUNT: Responses = problems({**REFUSALS, 404: "No such account"})
UNKNOWN_KEY: Responses = problems({**REFUSALS, 404: "No such key", 409: "It is the last admin key that is valid"})


@router.post(
    "/accounts",
    status_code=201,
    summary="Make an account",
    response_model=AccountMade,
    responses=problems({**REFUSALS, 409: "There is one of that id"}),
    openapi_extra=described(NewAccount),
)
async def create_account(
    new: NewAccount = NEW_ACCOUNT,
    idempotency_key: Annotated[str | None, Header(max_length=KEY_CHARACTERS_MAX)] = None,
    admin: Caller = AdminOf,
    ports: Ports = PortsOf,
) -> JSONResponse:
    """The ledger opens it too, with its opening tokens. With an `Idempotency-Key` a repeat is answered as the first."""
    claim = await _claim(ports, admin, idempotency_key, new)
    if isinstance(claim, Answered):
        return JSONResponse(claim.body, claim.status)
    try:
        async with ports.database.transaction() as connection:
            opened = await accounts.open_account(connection, new.account_id, new.name)
            if opened is None:
                raise ProblemRaised(409, f"There is an account {new.account_id}")
            row, posted = opened
            made = AccountMade(account_id=row["account_id"], name=row["name"], created_at=time_text(row["created_at"]))
            if claim:
                await claim.answer(connection, 201, made.model_dump())
    except BaseException:
        if claim:
            await claim.release(ports.database)
        raise
    ports.relay.publish(posted)
    return JSONResponse(made.model_dump(), 201)


async def _claim(ports: Ports, admin: Caller, key: str | None, new: NewAccount) -> Claim | Answered | None:
    if key is None:
        return None
    print_of_request = idempotency.fingerprint(new.model_dump())
    return await idempotency.claim(ports.database, admin.account_id, "create_account", key, print_of_request)


@router.get("/accounts", summary="The accounts", responses=BASICS, dependencies=[AdminOf])
async def list_accounts(limit: Limit = 50, offset: Offset = 0, ports: Ports = PortsOf) -> AccountsView:
    """Page by page, the oldest first, with what they can spend."""
    async with ports.database.connection() as connection:
        rows = await store.list_balances(connection, limit, offset)
        total = await store.count_accounts(connection)
    return AccountsView(accounts=[account_view(row) for row in rows], total=total, limit=limit, offset=offset)


@router.get("/accounts/{account_id}", summary="One account", responses=UNKNOWN_ACCOUNT, dependencies=[AdminOf])
async def get_account(account_id: str, ports: Ports = PortsOf) -> AccountView:
    """What it is called, and what it can spend."""
    return account_view(await find_account(ports, account_id))


@router.post(
    "/accounts/{account_id}/keys",
    status_code=201,
    summary="Make an API key",
    responses=UNKNOWN_ACCOUNT,
    openapi_extra=described(NewKey),
)
async def create_key(account_id: str, response: Response, new: NewKey = NEW_KEY, ports: Ports = PortsOf) -> KeyMade:
    """The key is in this answer and nowhere else, so an `Idempotency-Key` is not heeded: nothing could repeat it.
    When an answer got lost, revoke the key, which shows in the list, and make another one."""
    if not is_account_id(account_id):
        raise _unknown_account(account_id)
    made = await accounts.make_key(ports.database, account_id, new.label, admin=new.admin)
    if made is None:
        raise _unknown_account(account_id)
    key, row = made
    response.headers["Cache-Control"] = "no-store"
    return key_made(key, row)


@router.get("/accounts/{account_id}/keys", summary="Its API keys", responses=UNKNOWN_ACCOUNT, dependencies=[AdminOf])
async def list_keys(account_id: str, limit: Limit = 50, offset: Offset = 0, ports: Ports = PortsOf) -> KeysView:
    """By their handles; the keys themselves are kept nowhere."""
    await find_account(ports, account_id)
    async with ports.database.connection() as connection:
        rows = await store.list_keys(connection, account_id, limit, offset)
        total = await store.count_keys(connection, account_id)
    views = [key_view(row) for row in rows]
    return KeysView(account_id=account_id, keys=views, total=total, limit=limit, offset=offset)


@router.delete("/keys/{key_id}", summary="Revoke an API key", responses=UNKNOWN_KEY, dependencies=[AdminOf])
async def revoke_key(key_id: str, ports: Ports = PortsOf) -> KeyView:
    """For good: at once at the gateway that answers, within seconds at every other. A repeat changes nothing."""
    try:
        parsed = UUID(key_id)
    except ValueError:
        raise _unknown_key(key_id) from None
    try:
        return key_view(await accounts.revoke_key(ports.database, ports.keyring, parsed))
    except NoSuchKey:
        raise _unknown_key(key_id) from None
    except LastAdminKey as error:
        raise ProblemRaised(409, error.__doc__ or "") from None


async def find_account(ports: Ports, account_id: str) -> asyncpg.Record:
    """An account with its balance; raises the 404."""
    found = None
    if is_account_id(account_id):
        async with ports.database.connection() as connection:
            found = await store.find_balance(connection, account_id)
    if found is None:
        raise _unknown_account(account_id)
    return found


def _unknown_account(account_id: str) -> ProblemRaised:
    return ProblemRaised(404, f"There is no account {account_id}")


def _unknown_key(key_id: str) -> ProblemRaised:
    return ProblemRaised(404, f"There is no key {key_id}")
