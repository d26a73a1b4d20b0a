"""Providers' keys: secrets that are shown by their last four characters and told apart by a digest."""

import hashlib
import re
from dataclasses import dataclass, field

from pydantic import SecretStr

HINT_CHARACTERS = 4
SECRET = re.compile(r"[!-~]{1,512}")
SEPARATORS = re.compile(r"[\s,;]+")


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


def keys_of(provider: str, *settings: SecretStr) -> list[Key]:
    """The keys in comma-separated settings, each once; ValueError for what can't be sent in a header."""
    named = [part for setting in settings for part in SEPARATORS.split(setting.get_secret_value()) if part]
    for position, secret in enumerate(named, start=1):
        if not SECRET.fullmatch(secret):
            raise ValueError(f"key {position} of {provider} has characters that no key has")
    return [Key(provider, secret) for secret in dict.fromkeys(named)]
