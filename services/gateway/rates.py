"""Rate limits: so many calls of an account within a window that begins with the first of them."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from services.gateway.store import rates
from shared.outcome import Connection

HOUR_SECONDS = 3600
RATE = re.compile(r"(\d{1,9})/(\d{1,6})")
"""Calls and seconds, as settings have them: `5/60`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed; without calls (0) there is no limit."""

    name: str
    calls: int
    seconds: int

    @classmethod
    def parse(cls, name: str, rate: str) -> Self:
        """The policy that a setting stands for; ValueError when it is not of the form `calls/seconds`."""
        found = RATE.fullmatch(rate)
        if found is None or not int(found[2]):
            raise ValueError(f"not calls/seconds: {rate}")
        return cls(name, int(found[1]), int(found[2]))

    @property
    def is_off(self) -> bool:
        """Whether nothing is counted."""
        return not self.calls


@dataclass(frozen=True, slots=True)
class Counted:
    """Where an account stands after a call; seconds until its window ends."""

    policy: Policy
    allowed: bool
    remaining: int
    reset_at: datetime
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """What every counted answer carries: the fields of the IETF's draft, and the older ones."""
        name, quota = self.policy.name, self.policy.calls
        return {
            "RateLimit-Policy": f'"{name}";q={quota};w={self.policy.seconds}',
            "RateLimit": f'"{name}";r={self.remaining};t={self.reset_seconds}',
            "RateLimit-Limit": str(quota),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }

    def door_headers(self) -> dict[str, str]:
        """The same as the albums door says it, for the limits of its own; reset in ms since the epoch."""
        return {
            "X-RateLimit-Limit": str(self.policy.calls),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(round(self.reset_at.timestamp() * 1000)),
        }


async def count(connection: Connection, account_id: str, policy: Policy) -> Counted:
    """Count a call of the account. A refused one is not counted; a policy that is off must not be asked."""
    row = await rates.count_call(connection, account_id, policy.name, policy.calls, policy.seconds)
    return Counted(
        policy,
        allowed=row["allowed"],
        remaining=max(0, policy.calls - row["calls"]),
        reset_at=row["reset_at"],
        reset_seconds=whole_seconds(row["reset_seconds"], policy.seconds),
    )


def whole_seconds(seconds: float, window_seconds: int) -> int:
    """How long a caller is told to wait: to the end of the second, at least one, at most the window."""
    return min(max(1, math.ceil(seconds)), window_seconds)
