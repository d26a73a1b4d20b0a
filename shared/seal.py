"""Seals webhook secrets, so that events, tables and dead letters never carry them in the open.

Fernet (AES-128-CBC with HMAC-SHA256); the key comes from DARKROOM_SECRET_KEY, or from a file that is made on first use.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

from cryptography.fernet import Fernet, InvalidToken

from shared.errors import DarkroomError


class SealKeyInvalid(DarkroomError):
    """DARKROOM_SECRET_KEY must be 32 random bytes in URL-safe base64 (44 characters)."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class SealBroken(DarkroomError):
    """The sealed text was changed, or sealed with another DARKROOM_SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Seal:
    """Seals and opens short texts with one key; raises SealKeyInvalid for a key that is none."""

    def __init__(self, key: str) -> None:
        try:
            self._fernet = Fernet(key.encode())
        except ValueError:
            raise SealKeyInvalid from None  # the cause could quote the key

    @classmethod
    def of(cls, key: str, key_file: Path | None) -> Self:
        """The seal by a key, else by the key in a file; whoever comes first makes the file."""
        return cls(key or (_kept_key(key_file) if key_file else ""))

    def seal(self, text: str) -> str:
        """A token in ASCII, different at every call."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, token: str) -> str:
        """The text in a token; raises SealBroken."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise SealBroken from None


def _kept_key(file: Path) -> str:
    if not file.exists():
        fresh = file.with_name(uuid4().hex)
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(Fernet.generate_key())
        with suppress(FileExistsError):
            os.link(fresh, file)  # only the first one wins, and the file is never half written
        fresh.unlink()
    return file.read_text().strip()
