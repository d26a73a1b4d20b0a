"""When those who found no room are to look again: one after the other, as fast as room comes up."""

import random
from collections.abc import Callable

WAIT_SECONDS_MAX = 60
"""Nobody stays away for longer: a cancelled job's images are to be found, and places in the line come to nothing."""


class Line:
    """Tells each who comes a time of its own; pure but for its dice.

    Woken all at once, a thousand would run for fifty-five places each minute, and the same ones might always lose. So
    each is told to come when its turn is likely. Whoever stands beyond WAIT_SECONDS_MAX comes to ask again by then, at
    a time that is spread over half of it, and holds up nobody.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._last_turn = 0.0

    def seconds_to_wait(self, now: float, *, free_in: float, between: float) -> float:
        """Seconds until the caller's turn. free_in: until there is room at all; between: from one room to the next.

        A little less is reckoned for each turn than that, so that no room stays empty because nobody comes.
        """
        turn = max(now + free_in, self._last_turn) + between * (0.4 + self._jitter())
        if turn - now > WAIT_SECONDS_MAX:
            return WAIT_SECONDS_MAX * (1 + self._jitter()) / 2
        self._last_turn = turn
        return turn - now
