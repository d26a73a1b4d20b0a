"""Callers of the gateway: accounts with keys of their own, and the operator.

async with await new_caller(stack, tokens=100) as alice:
    assert (await alice.get("/api/tokens/balance")).json()["balance"] == 100
"""

from uuid import uuid4

import httpx

from deploy.local.stack import Stack
from shared import outbox
from shared.db import Database
from shared.envelope import new_id, new_traceparent
from shared.events import GrantRequested
from tests.eventually import eventually
from tests.invariants import ask

ANSWER_SECONDS_MAX = 40
GRANT_SECONDS_MAX = 20
SOON_SECONDS = 0.05


class Caller(httpx.AsyncClient):
    """A client of the gateway that sends an account's key."""

    def __init__(self, stack: Stack, account_id: str, key: str) -> None:
        super().__init__(
            base_url=stack.urls.gateway, timeout=ANSWER_SECONDS_MAX, headers={"X-API-Key": key}, trust_env=False
        )
        self.account_id = account_id
        self.key = key


def admin_client(stack: Stack) -> Caller:
    """The operator, by the key that the gateway made at its first start."""
    key = stack.admin_key
    assert key is not None, "the gateway has made no admin key"
    return Caller(stack, "admin", key)


async def new_caller(
    stack: Stack, *, account_id: str | None = None, tokens: int = 0, label: str = "", admin: bool = False
) -> Caller:
    """A fresh account with a key; `tokens` are there for it to spend, at ledger and gateway, when this returns."""
    chosen = account_id or f"account-{uuid4().hex[:12]}"
    async with admin_client(stack) as operator:
        made = await operator.post("/api/admin/accounts", json={"account_id": chosen, "name": label})
        assert made.status_code == 201, made.text
        key = await new_key(operator, chosen, label=label, admin=admin)
    if tokens:
        await grant(stack, chosen, tokens)
    return Caller(stack, chosen, key)


async def new_key(operator: httpx.AsyncClient, account_id: str, *, label: str = "", admin: bool = False) -> str:
    """A further key of an account."""
    made = await operator.post(f"/api/admin/accounts/{account_id}/keys", json={"label": label, "admin": admin})
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


async def grant(stack: Stack, account_id: str, tokens: int) -> None:
    """Give an account tokens, and wait until the gateway knows."""
    before = await available(stack, account_id)
    said = GrantRequested(account_id=account_id, grant_id=new_id(), amount=tokens)
    letter = outbox.following(new_traceparent(), said, source="gateway")
    database = await Database.open(stack.urls.postgres["gateway"], "gateway", connections_max=1)
    try:
        async with database.transaction() as connection:
            await outbox.add(connection, [outbox.Letter(letter.enclosed, delay_seconds=SOON_SECONDS)])
    finally:
        await database.close()

    async def has_come() -> None:
        assert await available(stack, account_id) >= before + tokens

    await eventually(has_come, GRANT_SECONDS_MAX)


async def available(stack: Stack, account_id: str) -> int:
    """What an account can spend, as the gateway has it; 0 for one that it has not heard of."""
    sql = f"SELECT balance - held AS available FROM balances WHERE account_id = '{account_id}'"
    rows = await ask(stack.urls.postgres["gateway"], sql)
    return int(rows[0]["available"]) if rows else 0
