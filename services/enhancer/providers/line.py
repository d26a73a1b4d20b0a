"""When those who found no room are to look again: one after the other, as fast as room comes up."""

import random
from collections.abc import Callable


class Line:
    """Tells each who comes a time of its own; pure but for its dice.

    Woken all at once, a thousand would run for fifty-five places each minute, and the same ones might always lose. So
    each is told to come when its turn is likely. Nobody stays away longer than wait_seconds_max, for keys are sped up,
    and cancelled images never come: whoever stands further behind asks again by then, at a time that is spread over
    half of it, and holds up nobody.
    """

    def __init__(self, wait_seconds_max: float, jitter: Callable[[], float] = random.random) -> None:
        self._wait_seconds_max = wait_seconds_max
        self._jitter = jitter
        self._last_turn = 0.0

    def seconds_to_wait(self, now: float, *, free_in: float, between: float) -> float:
        """Seconds until the caller's turn. free_in: until there is room at all; between: from one room to the next.

        A little less is reckoned for each turn than that, so that no room stays empty because nobody comes.
        """
        turn = max(now + free_in, self._last_turn) + between * (0.4 + self._jitter())
        if turn - now > self._wait_seconds_max:
            return self._wait_seconds_max * (1 + self._jitter()) / 2
        self._last_turn = turn
        return turn - now
