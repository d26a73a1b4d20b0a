"""Secrets that sign webhooks, in the form of Standard Webhooks: whsec_ and base64 of 24 to 64 bytes."""

import base64
import binascii

from shared.errors import Permanent

PREFIX = "whsec_"
SECRET_BYTES_MIN = 24
SECRET_BYTES_MAX = 64


def new_secret(random_bytes: bytes) -> str:
    """A secret made of the given random bytes (24 to 64; take 32 from `secrets.token_bytes`)."""
    assert SECRET_BYTES_MIN <= len(random_bytes) <= SECRET_BYTES_MAX
    return PREFIX + base64.b64encode(random_bytes).decode()


def validate_secret(secret: str) -> None:
    """Raise Permanent `webhook_secret_invalid` unless the text is a secret; the message never quotes it."""
    try:
        size = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith(PREFIX) or not SECRET_BYTES_MIN <= size <= SECRET_BYTES_MAX:
        raise Permanent(
            "webhook_secret_invalid",
            f"A webhook secret is {PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64.",
        )
