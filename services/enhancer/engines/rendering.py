"""What every operation takes and returns: operation(source: Path, found: Sniffed, **params) -> Encoded.

The params are the recipe's, validated and complete. Fails with Permanent, MemoryError or pyvips.Error.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Encoded:
    """An output file in memory; width and height are those of its pixels."""

    data: bytes
    format: str
    width: int
    height: int


Operation = Callable[..., Encoded]
