"""Puts dead letters back where they failed, or has a look at them.

A letter is published to its queue and confirmed there before it is acked here: whoever is killed in between leaves it
in both places, and the inbox lets it have its effect once. That holds because an event that was given up without any
effect is not remembered as done (shared/gathering.py). A letter whose failure was said is not moved back: others have
acted upon that, and what becomes of it is theirs to decide.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.bus import Bus
from shared.dead_letters import DeadLetter, DeadQueue, open_dead_queue
from shared.topology import DEAD, Subscription, subscriptions

TAKEN_AT_ONCE = 500
REDRIVE_SECONDS_MAX = 25
NOT_CONFIRMED = "the broker did not confirm it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a dead letter: it goes back, it is done with, or it stays, and why."""

    fate: Literal["back", "settled", "stays"]
    reason: str = ""


Judge = Callable[[Sequence[DeadLetter]], Awaitable[Sequence[Verdict]]]
"""Decides over letters, in their order; what it has done must be committed when it returns."""


@dataclass(slots=True)
class Redriven:
    """What a redrive came to. `remaining`: letters in the queues that were looked at, whether they matched or not."""

    by_queue: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    remaining: int = 0


def named(queue: str) -> Subscription | None:
    """The subscription of a queue, by its name with or without `.dead`."""
    return next((each for each in subscriptions() if each.queue == queue.removesuffix(DEAD)), None)


async def look(bus: Bus, queues: Sequence[Subscription], limit: int) -> list[DeadLetter]:
    """The first dead letters of these queues, at most `limit`; they stay where they are. Raises Closed."""
    found: list[DeadLetter] = []
    for subscription in queues:
        async with open_dead_queue(bus, subscription) as queue:
            if size := min(await queue.count(), limit - len(found)):
                found += await queue.take(size)
    return found


async def redrive(
    bus: Bus, queues: Sequence[Subscription], judge: Judge, *, problem: str | None, letters_max: int
) -> Redriven:
    """Judge the dead letters that lie in these queues now, or those with a problem. Raises Closed.

    Ends at the latest when each was looked at once, when `letters_max` went back, or after REDRIVE_SECONDS_MAX.
    """
    tally = Redriven()
    round_ = _Round(bus, judge, problem, letters_max, time.monotonic() + REDRIVE_SECONDS_MAX, tally)
    for subscription in queues:
        async with open_dead_queue(bus, subscription) as queue:
            await round_.go_through(queue)
    return tally


@dataclass(frozen=True, slots=True)
class _Round:
    bus: Bus
    judge: Judge
    problem: str | None
    letters_max: int
    deadline: float
    tally: Redriven

    async def go_through(self, queue: DeadQueue) -> None:
        """One queue: as many letters as lay there at the start."""
        found = left = await queue.count()
        removed = 0
        while (size := self._room(left)) > 0:
            taken = await queue.take(size)
            removed += await self._decide(queue, taken)
            left = left - size if len(taken) == size else 0
        self.tally.remaining += max(found - removed, 0)

    def _room(self, left: int) -> int:
        if time.monotonic() > self.deadline:
            return 0
        return min(left, TAKEN_AT_ONCE, self.letters_max - self.tally.by_queue.total())

    async def _decide(self, queue: DeadQueue, taken: Sequence[DeadLetter]) -> int:
        """Send back and settle what is to be; returns how many are gone by that."""
        meant = [letter for letter in taken if self.problem in (None, letter.problem)]
        judged = list(zip(meant, await self.judge(meant), strict=True))
        faults = await self._send([letter for letter, verdict in judged if verdict.fate == "back"])
        final = [(each, Verdict("stays", NOT_CONFIRMED) if each.tag in faults else verdict) for each, verdict in judged]
        gone = [letter for letter, verdict in final if verdict.fate != "stays"]
        await queue.remove(gone)
        for letter, verdict in final:
            self._note(letter, verdict)
        return len(gone)

    async def _send(self, letters: Sequence[DeadLetter]) -> set[int]:
        """Publish letters to their queues; returns the tags of those that may not have come there."""
        if not letters:
            return set()
        faults = await self.bus.publish([letter.publication for letter in letters])
        return {letter.tag for letter, fault in zip(letters, faults, strict=True) if fault}

    def _note(self, letter: DeadLetter, verdict: Verdict) -> None:
        if verdict.fate == "back":
            self.tally.by_queue[letter.subscription.queue] += 1
        else:
            counted = self.tally.settled if verdict.fate == "settled" else self.tally.skipped
            counted[verdict.reason] += 1
