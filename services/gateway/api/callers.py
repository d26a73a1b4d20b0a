"""Who calls: an account by its API key, or `local` without one, where only this machine can reach the gateway."""

from urllib.parse import urlsplit

from fastapi import Depends, Request

from services.gateway import rates
from services.gateway.api.envelopes import is_albums
from services.gateway.api.problems import Refused
from services.gateway.api.rate_headers import note_headers
from services.gateway.keys import LOCAL_ACCOUNT, Caller
from services.gateway.ports import Ports
from services.gateway.rates import HOUR_SECONDS, Policy

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
UNAUTHORIZED = "Unauthorized"
REQUESTS = "requests"


def ports_of(request: Request) -> Ports:
    """The gateway's ports."""
    ports: Ports = request.app.state.ports
    return ports


async def caller_of(request: Request) -> Caller:
    """The caller, whose call is counted; raises 401, 429. A wrong key is refused even where none is needed."""
    caller = await _identified(request)
    if not getattr(request.state, "is_counted", False):
        request.state.is_counted = True
        await _count(request, caller)
    return caller


async def account_of(request: Request) -> str:
    """The caller's account; raises 401."""
    return (await caller_of(request)).account_id


async def keyed_account_of(request: Request) -> str:
    """The caller's account, at a door that always asks for a key; raises 401."""
    caller = await caller_of(request)
    if caller.key_id is None:
        raise Refused(401, UNAUTHORIZED)
    return caller.account_id


async def visitor_of(request: Request) -> str | None:
    """The caller's account at a place that is open to all; None without a key; raises 401 for a wrong one."""
    return None if _key_of(request) is None else (await caller_of(request)).account_id


async def admin_of(request: Request) -> Caller:
    """The caller, who must have an admin key; raises 401, 403. Not counted: who limits the others must get in."""
    caller = await _identified(request)
    if caller.key_id is None:
        raise Refused(401, UNAUTHORIZED)
    if not caller.is_admin:
        raise Refused(403, "An admin key is needed")
    return caller


async def operator_of(request: Request) -> Caller:
    """The caller, who may run the system: an admin key, or `local` where only this machine can reach the gateway.

    Raises 401, 403. Not counted.
    """
    caller = await _identified(request)
    if caller.key_id is not None and not caller.is_admin:
        raise Refused(403, "An admin key is needed")
    return caller


async def _identified(request: Request) -> Caller:
    """The caller by its key, or `local`; looked up once for a request."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        known = request.state.caller = await _found(request)
    return known


async def _found(request: Request) -> Caller:
    key = _key_of(request)
    if key is None:
        return _anonymous(request)
    found = await ports_of(request).keyring.find(key)
    if found is None:
        raise Refused(401, UNAUTHORIZED)
    return found


async def _count(request: Request, caller: Caller) -> None:
    ports = ports_of(request)
    calls = ports.settings.requests_per_hour if caller.key_id else ports.settings.local_requests_per_hour
    policy = Policy(REQUESTS, calls, HOUR_SECONDS)
    if policy.is_off:
        return
    async with ports.database.connection() as connection:
        counted = await rates.count(connection, caller.account_id, policy)
    note_headers(request, counted.headers())
    if not counted.allowed:
        more = {"retryAfter": counted.reset_seconds * 1000} if is_albums(request.url.path) else {}
        message = f"Rate limit of {policy.calls} requests per hour exceeded"
        raise Refused(429, message, {"Retry-After": str(counted.reset_seconds)}, **more)


def _key_of(request: Request) -> str | None:
    key = request.headers.get("x-api-key")
    if key is not None:
        return key
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _anonymous(request: Request) -> Caller:
    ports = ports_of(request)
    settings = ports.settings
    if settings.anonymous and settings.is_private and _names_this_machine(request, settings.public_url):
        return Caller(LOCAL_ACCOUNT)
    raise Refused(401, "An API key is needed")


def _names_this_machine(request: Request, public_url: str) -> bool:
    """Whether the caller asked us by a name of ours: a stranger's name that leads here is a stranger's page asking."""
    return request.url.hostname in LOCAL_NAMES | {urlsplit(public_url).hostname}


PortsOf = Depends(ports_of)
AccountOf = Depends(account_of)
KeyedAccountOf = Depends(keyed_account_of)
VisitorOf = Depends(visitor_of)
AdminOf = Depends(admin_of)
OperatorOf = Depends(operator_of)
