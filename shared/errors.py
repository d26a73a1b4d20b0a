"""Why work did not succeed, as values.

DarkroomError
├── Problem
│   ├── Transient   try again later: the schedule in shared/retry.py decides when and how often
│   └── Permanent   no retry will help: the image fails with this problem
└── NotYet          the event must wait for something else first

Problems carry a `problem` (a short stable code that the event, the status API, the export, the webhook and the
dashboard all show) and a `detail` (one sentence for people).
"""


class DarkroomError(Exception):
    """Something in the world went wrong in a way that we have a name for."""


class Problem(DarkroomError):
    """A failure with a stable code; raised by ports, turned into data by the service loop."""

    def __init__(self, problem: str, detail: str = "") -> None:
        super().__init__(f"{problem}: {detail}" if detail else problem)
        self.problem = problem
        self.detail = detail


class Permanent(Problem):
    """No retry will help."""


class Transient(Problem):
    """Trying again later may help.

    retry_after_seconds: the earliest sensible next attempt, when the other side named one.
    attempts_max: fewer attempts than the schedule allows (silent hosts are not asked four times).
    """

    def __init__(
        self,
        problem: str,
        detail: str = "",
        *,
        retry_after_seconds: float | None = None,
        attempts_max: int | None = None,
    ) -> None:
        super().__init__(problem, detail)
        self.retry_after_seconds = retry_after_seconds
        self.attempts_max = attempts_max


class NotYet(DarkroomError):
    """The time for this event has not come: it waits `seconds` without counting as an attempt.

    waiting_for: a job whose resumption ends the wait at once.
    """

    def __init__(self, reason: str, seconds: float, *, waiting_for: str | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.waiting_for = waiting_for
