"""How one provider is spoken with; all that differs between them is here."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from shared.errors import Problem
from shared.facts import Analysis


class Told(BaseModel):
    """A part of what a provider answers: what we read of it must be of the right type."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


@dataclass(frozen=True, slots=True)
class Found:
    """What an answer says: an analysis or a problem, and what it cost either way."""

    said: Analysis | Problem
    cost_micros: int = 0


class Dialect(Protocol):
    """Pure: bodies in and out. A key is sent in `key_header`."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def model(self) -> str: ...  # noqa: D102

    @property
    def path(self) -> str: ...  # noqa: D102

    @property
    def key_header(self) -> str: ...  # noqa: D102

    def request(self, jpeg: bytes) -> bytes:
        """The body that asks for an image."""
        ...

    def read(self, body: bytes) -> Found:
        """What an answer of 200 says; never raises."""
        ...
