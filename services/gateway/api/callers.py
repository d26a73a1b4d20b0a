"""Who calls. Without keys there is one account, `local`, and only this machine can reach it."""

from fastapi import Depends, Request

from services.gateway.api.problems import Refused
from services.gateway.ports import Ports

LOCAL_ACCOUNT = "local"


def ports_of(request: Request) -> Ports:
    """The gateway's ports."""
    ports: Ports = request.app.state.ports
    return ports


def account_of(request: Request) -> str:
    """The caller's account; raises 401."""
    settings = ports_of(request).settings
    if settings.anonymous and settings.is_private:
        return LOCAL_ACCOUNT
    raise Refused(401, "An API key is needed")


PortsOf = Depends(ports_of)
AccountOf = Depends(account_of)
