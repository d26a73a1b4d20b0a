"""Pure decisions: how many images of which job go next, and how a job's numbers read."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

ENDED_STATES = ("completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Demand:
    """A job that has images to let in: how many wait, how many are in flight, how many may be."""

    job_id: UUID
    account_id: str
    pending: int
    in_flight: int
    window: int

    @property
    def room(self) -> int:
        """How many more it may have in flight now."""
        return max(0, min(self.pending, self.window - self.in_flight))


def share_out(demands: Sequence[Demand], room: int, portion: int = 32) -> dict[UUID, int]:
    """Deal `room` places to the jobs, account after account, a portion at a time.

    A job gets no more than its own room. Accounts come in the order of their first job, so that a large job of one
    account never makes another's wait for more than a portion; jobs of one account take turns in the same way.
    """
    turns: dict[str, deque[Demand]] = defaultdict(deque)
    for demand in demands:
        if demand.room:
            turns[demand.account_id].append(demand)
    accounts = deque(turns)
    dealt: dict[UUID, int] = defaultdict(int)
    while accounts and room > 0:
        account = accounts.popleft()
        demand = turns[account].popleft()
        given = min(portion, room, demand.room - dealt[demand.job_id])
        dealt[demand.job_id] += given
        room -= given
        if dealt[demand.job_id] < demand.room:
            turns[account].append(demand)
        if turns[account]:
            accounts.append(account)
    return dict(dealt)


@dataclass(slots=True)
class Pace:
    """How fast a job's images end, smoothed over about a second; decides its window (Little's law)."""

    images_per_second: float = 0.0
    _seen: tuple[float, int] | None = field(default=None)

    def observe(self, now_seconds: float, ended: int) -> None:
        """Note that `ended` images had ended at a moment of a monotonic clock."""
        if self._seen is None:
            self._seen = (now_seconds, ended)
            return
        elapsed = now_seconds - self._seen[0]
        if elapsed < 0.1:
            return
        rate = max(0, ended - self._seen[1]) / elapsed
        weight = min(1.0, elapsed)
        self.images_per_second += weight * (rate - self.images_per_second)
        self._seen = (now_seconds, ended)

    def window(self, target_seconds: float, least: int, most: int) -> int:
        """Images in flight that keep the pipeline busy and are through in about `target_seconds`."""
        return max(least, min(most, round(self.images_per_second * target_seconds)))


def percentage(ended: int, total: int) -> float:
    """Progress from 0.0 to 100.0; 100.0 only when all have ended."""
    if ended >= total:
        return 100.0
    return min(99.99, round(100 * ended / total, 2))
