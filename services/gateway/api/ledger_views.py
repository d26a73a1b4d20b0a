"""What the admin API is told about grants, and what it answers about them and about the books."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.api.product_views import time_text

AMOUNT_MAX = 1_000_000_000
NOTE_CHARACTERS_MAX = 500
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


class GrantBody(BaseModel):
    """Tokens for an account."""

    model_config = ConfigDict(extra="forbid")

    amount: int = Field(ge=1, le=AMOUNT_MAX, strict=True, examples=[100])
    reason: Literal["bonus", "purchase"] = "bonus"
    note: str = Field("", max_length=NOTE_CHARACTERS_MAX, pattern=PRINTABLE, examples=["order 4711"])


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


def invariants_view(found: dict[str, Any]) -> InvariantsView:
    """The body of GET /api/ledger/invariants, from the facts of AuditCompleted."""
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
