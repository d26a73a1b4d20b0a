"""API keys: `dk_<handle>_<128 random bits>`. Only their SHA-256 is kept; shown once, when they are made."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from services.gateway.store import accounts
from services.gateway.store.accounts import NewKey
from shared.envelope import new_id
from shared.outcome import Connection

SECRET_BYTES = 16
HANDLE_BYTES = 6
KEY_CHARACTERS_MAX = 100
LOCAL_ACCOUNT, ADMIN_ACCOUNT = "local", "admin"
ACCOUNT_ID = r"^[a-z0-9][a-z0-9._-]{0,62}$"
SHAPE = re.compile(r"(?P<handle>dk_[0-9a-f]{12})_[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an account, by one of its keys (None: without one, on the local stack); admins open the admin API."""

    account_id: str
    key_id: UUID | None = None
    is_admin: bool = False


def is_account_id(text: str) -> bool:
    """Whether it can be an account's id."""
    return re.fullmatch(ACCOUNT_ID, text) is not None


def new_key() -> str:
    """A fresh key."""
    return f"dk_{secrets.token_hex(HANDLE_BYTES)}_{secrets.token_urlsafe(SECRET_BYTES)}"


def kept(key: str, account_id: str, *, label: str = "", admin: bool = False) -> NewKey:
    """What is kept of a key; ValueError when it has not a key's shape."""
    return NewKey(new_id(), account_id, handle_of(key), digest_of(key), label, admin)


def is_well_formed(key: str) -> bool:
    """Whether it has a key's shape."""
    return len(key) <= KEY_CHARACTERS_MAX and SHAPE.fullmatch(key) is not None


def handle_of(key: str) -> str:
    """The part of a key that finds it; ValueError when it has not a key's shape."""
    matched = SHAPE.fullmatch(key[:KEY_CHARACTERS_MAX])
    if matched is None:
        raise ValueError("not an API key")
    return matched["handle"]


def digest_of(key: str) -> bytes:
    """A key's SHA-256."""
    return hashlib.sha256(key.encode()).digest()


async def find_caller(connection: Connection, key: str) -> Caller | None:
    """Whose key it is; None for one that is malformed, unknown or revoked."""
    try:
        found = await accounts.find_key(connection, handle_of(key))
    except ValueError:
        return None
    if found is None or not hmac.compare_digest(found["digest"], digest_of(key)):
        return None
    return Caller(found["account_id"], found["key_id"], found["admin"])
