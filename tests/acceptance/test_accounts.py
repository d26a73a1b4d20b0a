"""Accounts and API keys over HTTP: made, listed, used, revoked; and who is let in where."""

from deploy.local.stack import Stack
from tests.callers import admin_client, available, new_caller


async def test_a_new_account_calls_with_its_key(stack: Stack) -> None:
    async with await new_caller(stack, tokens=7) as caller:
        assert (await caller.get("/api/webhooks/secret")).status_code == 200
        assert await available(stack, caller.account_id) == 7
        async with admin_client(stack) as operator:
            account = (await operator.get(f"/api/admin/accounts/{caller.account_id}")).json()
            assert (account["available"], account["held"]) == (7, 0)
