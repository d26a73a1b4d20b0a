"""Fresh accounts, each with a key and exactly so many tokens, as callers of the albums door; closed together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from deploy.local.stack import Stack
from tests.callers import ANSWER_SECONDS_MAX, Caller, admin_client, new_caller


class Callers:
    """Opens accounts of one system; `operator` has its admin key."""

    def __init__(self, stack: Stack, operator: Caller, opened: AsyncExitStack) -> None:
        self.operator = operator
        self._stack = stack
        self._opened = opened

    async def new(self, tokens: int = 0) -> Caller:
        """A caller whose balance is `tokens`."""
        return await self._opened.enter_async_context(await new_caller(self._stack, tokens=tokens))

    async def without_key(self) -> httpx.AsyncClient:
        """A client of nobody's."""
        client = httpx.AsyncClient(base_url=self._stack.urls.gateway, timeout=ANSWER_SECONDS_MAX)
        return await self._opened.enter_async_context(client)


@asynccontextmanager
async def callers_of(stack: Stack) -> AsyncIterator[Callers]:
    """Callers of a stack, whose clients are closed at the end."""
    async with AsyncExitStack() as opened:
        yield Callers(stack, await opened.enter_async_context(admin_client(stack)), opened)
