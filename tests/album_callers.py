"""Fresh accounts, each with a key and exactly so many tokens, as callers of the albums door."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import httpx

from deploy.local.stack import Stack
from tests.eventually import eventually

ANSWER_SECONDS_MAX = 40
GRANT_SECONDS_MAX = 20


class Callers:
    """Opens accounts over the admin API. `account_ids` tells whose client it is."""

    def __init__(self, stack: Stack, admin: httpx.AsyncClient, opened: AsyncExitStack) -> None:
        self._stack = stack
        self._opened = opened
        self.admin = admin
        self.account_ids: dict[httpx.AsyncClient, str] = {}

    async def new(self, tokens: int = 0) -> httpx.AsyncClient:
        """A client with the key of an account of its own, whose balance is `tokens`."""
        account_id = f"caller-{uuid4().hex[:12]}"
        path = f"/api/admin/accounts/{account_id}"
        await self._made("/api/admin/accounts", {"account_id": account_id})
        made = await self._made(f"{path}/keys", {"label": "tests"})
        client = await self.without_key()
        client.headers["X-API-Key"] = str(made["key"])
        self.account_ids[client] = account_id
        if tokens:
            await self._made(f"{path}/grants", {"amount": tokens, "reason": "bonus"})
            await eventually(lambda: _has(client, tokens), GRANT_SECONDS_MAX)
        return client

    async def without_key(self) -> httpx.AsyncClient:
        """A client of nobody's."""
        client = httpx.AsyncClient(base_url=self._stack.urls.gateway, timeout=ANSWER_SECONDS_MAX)
        return await self._opened.enter_async_context(client)

    async def _made(self, path: str, body: dict[str, object]) -> dict[str, object]:
        answer = await self.admin.post(path, json=body)
        assert answer.status_code in (201, 202), f"{path}: {answer.text}"
        return dict(answer.json())


async def _has(client: httpx.AsyncClient, tokens: int) -> None:
    answer = await client.get("/api/tokens/balance")
    assert answer.status_code == 200, answer.text
    assert answer.json()["balance"] >= tokens


@asynccontextmanager
async def callers_of(stack: Stack) -> AsyncIterator[Callers]:
    """Callers of a stack, whose clients are closed at the end; its first admin key lies in its home."""
    key = (stack.home.folder / "admin.key").read_text(encoding="ascii").strip()
    async with AsyncExitStack() as opened:
        admin = httpx.AsyncClient(base_url=stack.urls.gateway, timeout=ANSWER_SECONDS_MAX, headers={"X-API-Key": key})
        yield Callers(stack, await opened.enter_async_context(admin), opened)
