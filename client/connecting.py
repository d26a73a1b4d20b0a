"""Which gateway a command speaks to, and where its user stands."""

import os
from pathlib import Path

from client.gateway import Gateway
from client.tokens import Tokens
from deploy.local.stack import Stack
from shared.errors import DarkroomError


class NothingRuns(DarkroomError):
    """Nothing is running here: start it with ./darkroom up, or name a gateway with --url or DARKROOM_URL."""


def open_gateway(url: str | None = None) -> Gateway:
    """The gateway that is named, else DARKROOM_URL, else the local stack's; with DARKROOM_API_KEY when there is one."""
    named = url or os.environ.get("DARKROOM_URL")
    return Gateway(named or _local_url(), api_key=os.environ.get("DARKROOM_API_KEY"))


def open_tokens(url: str | None = None, admin_key: str | None = None) -> Tokens:
    """The same gateway as its operator: with the key that is named, else DARKROOM_ADMIN_KEY, else the local stack's."""
    named = url or os.environ.get("DARKROOM_URL")
    key = admin_key or os.environ.get("DARKROOM_ADMIN_KEY") or Stack().admin_key
    return Tokens(named or _local_url(), api_key=key)


def _local_url() -> str:
    stack = Stack()
    if not stack.is_running:
        raise NothingRuns(NothingRuns.__doc__)
    return stack.urls.gateway


def place(path: Path) -> Path:
    """A path as the user means it: relative to where the user stands, not to the checkout."""
    return Path(os.environ.get("DARKROOM_CWD", ".")) / path.expanduser()
