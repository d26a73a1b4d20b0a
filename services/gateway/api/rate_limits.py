"""The albums door's own limits, counted before anything of a request but its key is looked at.

@router.post("/enhance", dependencies=[ENHANCE_LIMITED])

An endpoint whose limit comes before a look at its body has to read that body itself.
"""

from typing import Any

from fastapi import Depends, Request

from services.gateway import rates
from services.gateway.api.callers import KeyedAccountOf, ports_of
from services.gateway.api.problems import Refused
from services.gateway.api.rate_headers import note_headers
from services.gateway.rates import Counted, Policy


def limited(policy: str, setting: str, message: str) -> Any:
    """A dependency that counts the caller's call under a policy whose rate is a setting; raises 401, then 429."""

    async def count(request: Request, account_id: str = KeyedAccountOf) -> None:
        ports = ports_of(request)
        allowance = Policy.parse(policy, getattr(ports.settings, setting))
        if allowance.is_off:
            return
        async with ports.database.connection() as connection:
            found = await rates.count(connection, account_id, allowance)
        note_headers(request, found.door_headers())
        if not found.allowed:
            raise over_the_limit(message, found)

    return Depends(count)


def over_the_limit(message: str, found: Counted) -> Refused:
    """The albums door's 429; milliseconds in its body, seconds in its header."""
    return Refused(429, message, {"Retry-After": str(found.reset_seconds)}, retryAfter=found.reset_seconds * 1000)


ENHANCE_LIMITED = limited("enhance", "enhance_rate", "Rate limit exceeded for batch enhancement")
IMAGE_ENHANCE_LIMITED = limited("enhance-image", "enhance_image_rate", "Rate limit exceeded for enhancement")
IMAGE_UPLOAD_LIMITED = limited("upload", "image_upload_rate", "Rate limit exceeded for uploads")
VERSIONS_LIMITED = limited("versions", "versions_rate", "Rate limit exceeded for image versions")
