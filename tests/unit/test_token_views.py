"""How tokens read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.gateway.api.token_views import balance_view, transactions_view
from services.gateway.tokens import Balance, Page

NOW = datetime(2026, 11, 21, 3, 57, 36, 691_000, tzinfo=UTC)
BALANCE = Balance(
    available=70,
    held=10,
    regenerated_at=NOW - timedelta(minutes=5),
    seen_at=NOW,
    next_at=NOW + timedelta(minutes=10),
    regenerated=1,
    spent=50,
    earned=100,
    refunded=20,
    transactions=4,
)
LINE = {
    "account_id": "shop",
    "version": 7,
    "line": 0,
    "type": "REFUND",
    "amount": 5,
    "balance_after": 70,
    "source": "enhancement_failed",
    "source_id": "01a1fc40-a233-74a1-9e9b-61c09a16c5cf",
    "metadata": '{"reason": "failed"}',
    "created_at": NOW,
    "problem": None,
}


def viewed(**changed: Any) -> dict[str, Any]:
    """A line as the statement shows it."""
    page = Page([LINE | changed], 1)  # type: ignore[list-item]
    (line,) = transactions_view(page, 50, 0).transactions
    return line.model_dump()


def test_a_balance_tells_when_the_next_token_comes() -> None:
    assert balance_view(BALANCE).model_dump() == {
        "balance": 70,
        "held": 10,
        "lastRegeneration": "2026-11-21T03:52:36.691Z",
        "timeUntilNextRegenMs": 600_000,
        "tokensAddedThisRequest": 1,
        "stats": {"totalSpent": 50, "totalEarned": 100, "totalRefunded": 20, "transactionCount": 4},
    }


def test_where_nothing_regenerates_there_is_nothing_to_wait_for() -> None:
    assert balance_view(replace(BALANCE, next_at=None)).timeUntilNextRegenMs == 0


def test_a_line_has_one_id_for_ever_and_no_other_has_it() -> None:
    assert viewed()["id"] == viewed(amount=1)["id"] == "62f40414-df55-5535-a3ff-3a53aa1bd89b"
    others = [viewed(account_id="other"), viewed(version=70), viewed(line=1)]
    assert len({viewed()["id"], *(other["id"] for other in others)}) == 4


def test_a_refund_says_what_went_wrong_as_well_as_it_is_known() -> None:
    assert viewed()["metadata"] == {"reason": "failed"}
    assert viewed(problem="The host answered 404.")["metadata"] == {"reason": "The host answered 404."}
