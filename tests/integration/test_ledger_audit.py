"""What an audit says of the ledger's books."""

from uuid import uuid4

import pytest

from services.ledger.domain import Terms
from shared.db import Database
from shared.envelope import new_id
from shared.events import (
    AuditCompleted,
    AuditRequested,
    GrantRequested,
)
from shared.regeneration import Regeneration
from tests.ledger_books import hear
from tests.ledger_events import Run

pytest_plugins = ("tests.ledger_database",)

TERMS = Terms(Regeneration(seconds=900, tokens_max=100), opening_tokens=10)
EMPTY = Terms(TERMS.regeneration)


@pytest.fixture
def account() -> str:
    return f"account-{uuid4()}"


async def sums(ledger: Database) -> AuditCompleted:
    """What an audit says of all the books."""
    (answer,) = await hear(ledger, TERMS, AuditRequested(audit_id=new_id()))
    assert isinstance(answer, AuditCompleted)
    assert (answer.violations_total, answer.violations) == (0, ())
    return answer


async def test_an_audit_adds_up_what_was_given_and_paid(ledger, account) -> None:
    before = await sums(ledger)
    run = Run(account, images_total=4, price_tokens=2)
    gift = GrantRequested(account_id=account, grant_id=new_id(), amount=5)
    await hear(ledger, TERMS, gift, run.submitted())
    await hear(ledger, TERMS, run.enhanced(0), run.enhanced(1), run.failed(2))
    await hear(ledger, TERMS, run.cancelled(1))
    after = await sums(ledger)
    assert after.accounts - before.accounts == 1
    assert after.transfers - before.transfers == 4
    assert after.granted - before.granted == 15
    assert after.captured - before.captured == 2
    assert (after.posted - before.posted, after.held - before.held) == (13, 2)
    assert after.posted == after.granted - after.captured
