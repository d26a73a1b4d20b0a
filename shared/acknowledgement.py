"""Which acks to send: one for many where deliveries end in the order in which they came. Pure."""

from collections.abc import Sequence


class Acknowledgement:
    """The delivery tags of one channel: 1, 2, 3, ... as the broker counts them."""

    def __init__(self) -> None:
        self._lowest_open = 1
        self._ended: set[int] = set()

    def settle(self, tags: Sequence[int]) -> tuple[int | None, list[int]]:
        """Note that these deliveries have ended; returns the tag to ack with everything before it, and single tags."""
        self._ended.update(tags)
        while self._lowest_open in self._ended:
            self._ended.remove(self._lowest_open)
            self._lowest_open += 1
        before = [tag for tag in tags if tag < self._lowest_open]
        return max(before, default=None), [tag for tag in tags if tag > self._lowest_open]
