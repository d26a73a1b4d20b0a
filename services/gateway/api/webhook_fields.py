"""Fields that name a webhook, checked before anything is stored."""

from services.gateway.api.problems import Refused
from services.gateway.ports import Ports
from shared.errors import Permanent
from shared.urls import validate_url
from shared.webhook_secrets import validate_secret


def checked_webhook(url: str | None, ports: Ports) -> str | None:
    """A URL that we may call; raises 400."""
    if not url:
        return None
    if not url.lower().startswith(("http://", "https://")):
        raise Refused(400, "Invalid webhook URL format")
    try:
        validate_url(url, ports.allowance)
    except Permanent as error:
        raise Refused(400, "Invalid webhook URL format", problem=error.problem, reason=error.detail) from None
    return url


def checked_secret(secret: str | None) -> str | None:
    """A secret that messages can be signed with; raises 400."""
    if not secret:
        return None
    try:
        validate_secret(secret)
    except Permanent as error:
        raise Refused(400, "Invalid webhook secret", problem=error.problem, reason=error.detail) from None
    return secret
