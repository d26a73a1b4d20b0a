"""The gateway's admin API from Python, with an admin key: accounts and their API keys.

with Admin("http://localhost:8000", api_key="dk_...") as admin:
    admin.create_account("acme", name="Acme Furniture")
    print(admin.create_key("acme", label="shop server").key)
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from client.calls import Calls, Refused

PAGE = 200
EXPLAINED: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "The gateway does not take this admin key: it is unknown, or it was revoked.",
    HTTPStatus.FORBIDDEN: "This key is no admin key.",
}
"""What a refused key means here."""

Read = TypeVar("Read", bound=BaseModel)


class Account(BaseModel):
    """An account; available and held are tokens, None until the ledger has opened it."""

    account_id: str
    name: str
    created_at: datetime
    available: int | None = None
    held: int | None = None


class Key(BaseModel):
    """A key as it is known afterwards."""

    key_id: str
    handle: str
    label: str
    admin: bool
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class NewKey(Key):
    """A key, this once."""

    key: str


class Operated(Calls):
    """One gateway, by an admin key: says what it means when that key is refused."""

    def _patiently(self, send: Callable[[], httpx.Response], seconds: float | None = None) -> httpx.Response:
        try:
            return super()._patiently(send, seconds)
        except Refused as error:
            if error.status not in EXPLAINED:
                raise
            raise Refused(error.status, EXPLAINED[error.status], {}) from None


class Admin(Operated):
    """Accounts and their keys; raises Refused and Away."""

    def create_account(self, account_id: str, *, name: str = "") -> Account:
        """Make an account."""
        content = {"account_id": account_id, "name": name}
        return Account.model_validate(self._post("/api/admin/accounts", content).json())

    def accounts(self) -> Iterator[Account]:
        """All accounts, the oldest first."""
        return self._pages("/api/admin/accounts", "accounts", Account)

    def account(self, account_id: str) -> Account:
        """One account."""
        return Account.model_validate(self._get(f"/api/admin/accounts/{_segment(account_id)}").json())

    def create_key(self, account_id: str, *, label: str = "", admin: bool = False) -> NewKey:
        """Make a key. Asked for once: if the answer gets lost, so does the key."""
        path, content = f"/api/admin/accounts/{_segment(account_id)}/keys", {"label": label, "admin": admin}
        return NewKey.model_validate(self._patiently(lambda: self._http.post(path, json=content), 0).json())

    def keys(self, account_id: str) -> Iterator[Key]:
        """An account's keys, the oldest first, revoked ones too."""
        return self._pages(f"/api/admin/accounts/{_segment(account_id)}/keys", "keys", Key)

    def revoke_key(self, key_id: str) -> Key:
        """End a key for good."""
        path = f"/api/admin/keys/{_segment(key_id)}"
        return Key.model_validate(self._patiently(lambda: self._http.delete(path)).json())

    def _pages(self, path: str, name: str, kind: type[Read]) -> Iterator[Read]:
        offset, total = 0, 1
        while offset < total:
            page = self._get(f"{path}?limit={PAGE}&offset={offset}").json()
            yield from (kind.model_validate(each) for each in page[name])
            offset, total = offset + PAGE, page["total"]


def _segment(text: str) -> str:
    """Text as one part of a path."""
    return quote(text, safe="")
