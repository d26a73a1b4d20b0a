"""Who calls. Without keys there is one account, `local`, and only this machine can reach it."""

from urllib.parse import urlsplit

from fastapi import Depends, Request

from services.gateway.api.problems import Refused
from services.gateway.ports import Ports

LOCAL_ACCOUNT = "local"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def ports_of(request: Request) -> Ports:
    """The gateway's ports."""
    ports: Ports = request.app.state.ports
    return ports


def account_of(request: Request) -> str:
    """The caller's account; raises 401."""
    settings = ports_of(request).settings
    if settings.anonymous and settings.is_private and _names_this_machine(request, settings.public_url):
        return LOCAL_ACCOUNT
    raise Refused(401, "An API key is needed")


def _names_this_machine(request: Request, public_url: str) -> bool:
    """Whether the caller asked us by a name of ours: a stranger's name that leads here is a stranger's page asking."""
    return request.url.hostname in LOCAL_NAMES | {urlsplit(public_url).hostname}


PortsOf = Depends(ports_of)
AccountOf = Depends(account_of)
