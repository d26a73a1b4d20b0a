"""Callers with keys of their own, put straight into the gateway's tables."""

from uuid import uuid4

import asyncpg
import httpx

from deploy.local.stack import Stack
from services.gateway import keys
from services.gateway.store import accounts

ANSWER_SECONDS_MAX = 40


async def opened_caller(stack: Stack, account_id: str | None = None, *, admin: bool = False) -> httpx.AsyncClient:
    """A client with a fresh key of an account, which is made where it is not there; `account_of` names it."""
    account_id, key = account_id or f"caller-{uuid4().hex[:12]}", keys.new_key()
    connection = await asyncpg.connect(stack.urls.postgres["gateway"])
    try:
        await accounts.insert_account(connection, account_id, account_id)  # type: ignore[arg-type]
        await accounts.insert_key(connection, keys.kept(key, account_id, admin=admin))  # type: ignore[arg-type]
    finally:
        await connection.close()
    headers = {"X-API-Key": key, "X-Account": account_id}
    return httpx.AsyncClient(base_url=stack.urls.gateway, headers=headers, timeout=ANSWER_SECONDS_MAX)


def account_of(client: httpx.AsyncClient) -> str:
    """The account that a client calls as."""
    return client.headers["X-Account"]
