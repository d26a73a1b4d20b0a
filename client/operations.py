"""How the system stands, from Python, with an admin key: queues, dead letters and their redrive.

with Operations("http://localhost:8000", api_key="dk_...") as operations:
    print(operations.redrive(problem="internal_error").redriven)
"""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from client.admin import Operated


class Queue(BaseModel):
    """A queue; unacked and rates only where the broker's management API tells them."""

    name: str
    ready: int
    unacked: int | None = None
    consumers: int
    dead: int
    publish_rate: float | None = None
    deliver_rate: float | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to see."""
        return not (self.ready or self.unacked or self.dead) and self.consumers > 0


class Outbox(BaseModel):
    """What a service has still to say."""

    service: str
    rows: int
    oldest_at: datetime | None = None
    retries_waiting: int
    reported_at: datetime


class Standing(BaseModel):
    """Everything at a moment; queues is None while the broker does not answer."""

    total_stuck: int
    recommendations: list[str]
    queues: list[Queue] | None
    outboxes: list[Outbox]


class Redriven(BaseModel):
    """What a redrive came to."""

    redriven: int
    by_queue: dict[str, int]
    retried: int
    settled: int
    skipped: int
    skipped_because: dict[str, int]
    remaining: int

    @property
    def lines(self) -> Sequence[str]:
        """The same for people."""
        found = [f"{count} back to {queue}" for queue, count in self.by_queue.items()]
        found += [f"{self.retried} images are tried again"] if self.retried else []
        found += [f"{self.settled} are settled: nothing is left to be done"] if self.settled else []
        found += [f"{count} stay: {reason}" for reason, count in self.skipped_because.items()]
        left = self.remaining - self.skipped
        found += [f"{left} more lie in these queues"] if left > 0 else []
        return found or ["No dead letters were put back."]


class Operations(Operated):
    """One gateway's queues; raises Refused and Away."""

    def standing(self) -> Standing:
        """How the system stands."""
        return Standing.model_validate(self._get("/admin/queue/status").json()["data"])

    def redrive(self, *, queue: str | None = None, problem: str | None = None) -> Redriven:
        """Put dead letters back where they failed."""
        wanted = {"queue": queue, "problem": problem}
        content = {name: value for name, value in wanted.items() if value is not None}
        return Redriven.model_validate(self._post("/admin/queue/redrive", content).json()["data"])
