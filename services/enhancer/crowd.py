"""Slow work must not take all the places of quick work: of the images taken from the broker only some may be slow ones.

Analyses take seconds where renditions take a moment, and wait for few workers or for a provider's slots. Those that
find no place leave their delivery free and come again, so that other jobs' images pass between them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import NotYet

SPREAD = 16


class Crowd:
    """So many at once."""

    def __init__(self, places: int) -> None:
        self._free = places

    @contextmanager
    def place(self, number: int, seconds: float) -> Iterator[None]:
        """Have a place; NotYet when none is free: come again after about `seconds`, spread by one's `number`."""
        if not self._free:
            raise NotYet("too many images are being analysed", seconds * (0.5 + (number % SPREAD) / SPREAD))
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
