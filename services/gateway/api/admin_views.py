"""What the admin API takes and shows: accounts and keys."""

from datetime import datetime
from typing import Annotated, Any

import asyncpg
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.gateway.api.product_views import time_text
from services.gateway.keys import ACCOUNT_ID, is_account_id

TEXT = r"^[^\x00-\x1f\x7f]*$"
NAME_CHARACTERS_MAX = 200
AT = "2026-11-21T03:57:36.691Z"

ACCOUNT_ID_RULE = "lower case letters, digits and . _ - only, beginning with a letter or digit, at most 63"


def _checked(account_id: str) -> str:
    if not is_account_id(account_id):
        raise PydanticCustomError("account_id", ACCOUNT_ID_RULE)
    return account_id


AccountId = Annotated[str, AfterValidator(_checked), WithJsonSchema({"type": "string", "pattern": ACCOUNT_ID})]
Moment = Annotated[str | None, Field(examples=[AT])]


class NewAccount(BaseModel):
    """An account to be made."""

    model_config = ConfigDict(extra="forbid")

    account_id: AccountId = Field(examples=["acme"], description="for good")
    name: str = Field("", pattern=TEXT, max_length=NAME_CHARACTERS_MAX, examples=["Acme Furniture"])


class AccountMade(BaseModel):
    """An account that was made."""

    account_id: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme Furniture"])
    created_at: str = Field(examples=[AT])


class AccountView(AccountMade):
    """An account, and what the ledger last said of it; null until it has opened the account."""

    available: int | None = Field(examples=[100], description="tokens it can spend now")
    held: int | None = Field(examples=[0], description="tokens set aside for what is under way")


class AccountsView(BaseModel):
    """A page of accounts, the oldest first."""

    accounts: list[AccountView]
    total: int
    limit: int
    offset: int


class NewKey(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field("", pattern=TEXT, max_length=NAME_CHARACTERS_MAX, examples=["shop server"])
    admin: bool = Field(False, strict=True, description="opens this API")


class KeyView(BaseModel):
    """A key as it is known afterwards: by its handle, its first characters."""

    key_id: str = Field(examples=["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"])
    handle: str = Field(examples=["dk_5f0c1b2a3d4e"])
    label: str = Field(examples=["shop server"])
    admin: bool
    created_at: str = Field(examples=[AT])
    last_used_at: Moment = Field(None, description="to a minute")
    revoked_at: Moment = None


class KeyMade(BaseModel):
    """A key that was made."""

    key_id: str = Field(examples=["01a1fc40-a233-74a1-9e9b-61c09a16c5cf"])
    key: str = Field(examples=["dk_5f0c1b2a3d4e_Vb2kK0u3zT5w8Qe1Xy7ZpA"], description="shown only here, kept nowhere")
    handle: str = Field(examples=["dk_5f0c1b2a3d4e"])
    account_id: str = Field(examples=["acme"])
    label: str = Field(examples=["shop server"])
    admin: bool
    created_at: str = Field(examples=[AT])


class KeysView(BaseModel):
    """A page of an account's keys, the oldest first, revoked ones too."""

    account_id: str = Field(examples=["acme"])
    keys: list[KeyView]
    total: int
    limit: int
    offset: int


def account_view(row: asyncpg.Record) -> AccountView:
    """An account's row with its balance."""
    return AccountView(**{**row, "created_at": time_text(row["created_at"])})


def key_view(row: asyncpg.Record) -> KeyView:
    """A key's row."""
    return KeyView(**_fields(row, "handle", "label", "admin", "last_used_at", "revoked_at"))


def key_made(key: str, row: asyncpg.Record) -> KeyMade:
    """A key, this once, with its row."""
    return KeyMade(key=key, **_fields(row, "account_id", "handle", "label", "admin"))


def _fields(row: asyncpg.Record, *names: str) -> dict[str, Any]:
    found = {name: row[name] for name in ("created_at", *names)}
    texts = {name: time_text(value) for name, value in found.items() if isinstance(value, datetime)}
    return {"key_id": str(row["key_id"]), **found, **texts}
