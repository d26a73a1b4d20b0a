"""Providers' keys: secrets that are shown by their last four characters and told apart by a digest."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

HINT_CHARACTERS = 4
SECRET = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a provider's; the secret itself leaves this process in a request's header and in no other way."""

    provider: str
    secret: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What tables know it by."""
        return hashlib.sha256(f"{self.provider}:{self.secret}".encode()).digest()

    @property
    def hint(self) -> str:
        """What people know it by: its end, never more than half of it."""
        shown = min(HINT_CHARACTERS, len(self.secret) // 2)
        return self.secret[len(self.secret) - shown :]


def keys_of(provider: str, secrets: Sequence[str]) -> list[Key]:
    """The provider's keys; ValueError for one that can't be sent in a header, without showing it."""
    for position, secret in enumerate(secrets, start=1):
        if not SECRET.fullmatch(secret):
            raise ValueError(f"key {position} of {provider} has characters that no key has")
    return [Key(provider, secret) for secret in secrets]
