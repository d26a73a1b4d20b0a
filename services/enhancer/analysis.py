"""What every analyser takes and gives, local or a provider's."""

from dataclasses import dataclass
from typing import Protocol

from shared.facts import Analysis

JPEG_SIDE_PIXELS_MAX = 2_048
JPEG_QUALITY = 85
TEXT_CHARACTERS_MAX = 20_000
FIELD_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Analyzed:
    """What an analyser found. key_hint: its key's last four characters; cost in millionths of a US dollar."""

    analysis: Analysis
    model: str
    key_hint: str | None = None
    cost_micros: int = 0


class Provider(Protocol):
    """An analyser that is reached over HTTP."""

    name: str
    model: str

    def admit(self) -> None:
        """Raise what `analyze` would, where it is known beforehand; call it before a JPEG is made in vain."""
        ...

    async def analyze(self, jpeg: bytes) -> Analyzed:
        """Analyse an upright JPEG of at most 2,048 pixels a side.

        Raises NotYet while no key has a request left, Transient and Permanent for what the provider answers.
        """
        ...
