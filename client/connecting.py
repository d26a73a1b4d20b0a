"""Which gateway a command speaks to, and where its user stands."""

import os
from pathlib import Path
from typing import TypeVar

from client.admin import Admin
from client.batches import Batches
from client.calls import Calls
from client.gateway import Gateway
from client.operations import Operations
from client.tokens import Tokens
from deploy.local.stack import Stack
from shared.errors import DarkroomError


class NothingRuns(DarkroomError):
    """Nothing is running here: start it with ./darkroom up, or name a gateway with --url or DARKROOM_URL."""


def open_gateway(url: str | None = None) -> Gateway:
    """The gateway that is named, else DARKROOM_URL, else the local stack's; with DARKROOM_API_KEY when there is one."""
    named = url or os.environ.get("DARKROOM_URL")
    return Gateway(named or _local_url(), api_key=os.environ.get("DARKROOM_API_KEY"))


def open_batches(url: str | None = None) -> Batches:
    """The same for its batches."""
    named = url or os.environ.get("DARKROOM_URL")
    return Batches(named or _local_url(), api_key=os.environ.get("DARKROOM_API_KEY"))


class NoAdminKey(DarkroomError):
    """An admin key is needed: name it with DARKROOM_ADMIN_KEY or --admin-key."""


Operated = TypeVar("Operated", bound=Calls)


def open_admin(url: str | None = None, admin_key: str | None = None) -> Admin:
    """The gateway as in open_gateway, by this admin key; the local stack's own one needs none to be named."""
    return _open_operated(Admin, url, admin_key)


def open_operations(url: str | None = None, admin_key: str | None = None) -> Operations:
    """The same for its queues."""
    return _open_operated(Operations, url, admin_key)


def open_tokens(url: str | None = None, admin_key: str | None = None) -> Tokens:
    """The same for its tokens."""
    return _open_operated(Tokens, url, admin_key)


def _open_operated(kind: type[Operated], url: str | None, admin_key: str | None) -> Operated:
    named = url or os.environ.get("DARKROOM_URL") or _local_url()
    key = admin_key or _local_admin_key(named)
    if not key:
        raise NoAdminKey(NoAdminKey.__doc__)
    return kind(named, api_key=key)


def _local_admin_key(url: str) -> str | None:
    """The local stack's admin key, when the gateway is its: no other one is ever sent it."""
    stack = Stack()
    is_local = stack.is_running and stack.urls.gateway == url.rstrip("/")
    return stack.admin_key if is_local else None


def _local_url() -> str:
    stack = Stack()
    if not stack.is_running:
        raise NothingRuns(NothingRuns.__doc__)
    return stack.urls.gateway


def place(path: Path) -> Path:
    """A path as the user means it: relative to where the user stands, not to the checkout."""
    return Path(os.environ.get("DARKROOM_CWD", ".")) / path.expanduser()
