"""How many streams each account has open here; each of them holds a connection."""

from collections import Counter
from collections.abc import Callable


class Streams:
    """Seats for open streams, so many per account."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._open: Counter[str] = Counter()

    def take(self, account_id: str) -> Callable[[], None] | None:
        """Take a seat; returns what gives it back, once however often it is called. None: all are taken."""
        if self._open[account_id] >= self.most:
            return None
        self._open[account_id] += 1
        taken = [account_id]

        def give_back() -> None:
            while taken:
                self._open.subtract([taken.pop()])
                self._open += Counter()  # forgets the accounts that have none

        return give_back
