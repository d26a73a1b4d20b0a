"""The look-out for tokens that are due: credits accounts that nothing else touches, some at a time.

Several ledgers may look at once: each leaves out the accounts that another one holds.
"""

import asyncio

from services.ledger import recorders
from services.ledger.ports import Ports
from services.ledger.store import accounts
from shared import outbox
from shared.envelope import new_traceparent

LOOKOUT_SECONDS = 60
ACCOUNTS_AT_ONCE = 500


async def run(ports: Ports) -> None:
    """Credit what is due each minute, until cancelled; nothing at all where regeneration is off."""
    while ports.terms.regeneration.seconds:
        if await credit_some(ports) < ACCOUNTS_AT_ONCE:
            await asyncio.sleep(LOOKOUT_SECONDS)


async def credit_some(ports: Ports, accounts_max: int = ACCOUNTS_AT_ONCE) -> int:
    """Credit the accounts that wait longest, in one transaction with what is said about it; how many there were."""
    rules = ports.terms.regeneration
    async with ports.database.transaction() as connection:
        due = await accounts.lock_accounts_to_credit(connection, rules.seconds, rules.tokens_max, accounts_max)
        events = await recorders.open_accounts(connection, [ports.terms.known(account_id) for account_id in due])
        letters = [outbox.following(new_traceparent(), event, source="ledger") for event in events]
        posted = await outbox.add(connection, letters)
    ports.relay.publish(posted)
    return len(due)
