"""A provider as the handlers see it: takes a key from the pool, asks, learns, and says what was found."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from services.enhancer.analysis import Analyzed
from services.enhancer.providers.calls import post
from services.enhancer.providers.dialect import Dialect, Found
from services.enhancer.providers.keys import Key
from services.enhancer.providers.pool import KeyPool, Reserved
from services.enhancer.providers.verdicts import KeyRefused, KeySlowed, Reply, problem_of_reply
from shared.errors import NotYet, Problem, Transient

TURN_SECONDS_MAX = 5.0
"""So long an image keeps its place in this process while all calls that are allowed at once are under way."""

BUSY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What calls of one provider may take; `concurrency` of this process."""

    concurrency: int = 25
    seconds_max: float = 30
    answer_bytes_max: int = 8_000_000


def _soonest(tried: Mapping[bytes, Problem]) -> Problem:
    """What to say when no key helped: that of the key that can be asked again first."""
    slowed = [problem for problem in tried.values() if isinstance(problem, KeySlowed)]
    return min(slowed, key=lambda problem: problem.retry_after_seconds or 0) if slowed else list(tried.values())[-1]


class RemoteProvider:
    """One provider, its keys and its limits."""

    def __init__(self, dialect: Dialect, url: str, client: httpx.AsyncClient, pool: KeyPool, limits: Limits) -> None:
        self.name = dialect.name
        self.model = dialect.model
        self._dialect = dialect
        self._url = url.rstrip("/") + dialect.path
        self._client = client
        self._pool = pool
        self._limits = limits
        self._free = asyncio.Semaphore(limits.concurrency)
        self._queued = 0

    def admit(self) -> None:
        """Raise NotYet (or that all keys are refused) when that is known at once; before work is put into an image."""
        if self._queued >= self._limits.concurrency:
            raise self._busy()
        self._pool.admit()

    async def analyze(self, jpeg: bytes) -> Analyzed:
        """Analyse an upright JPEG; NotYet while there is no room, Transient and Permanent for what the provider says.

        A key that is slowed down or refused is set aside, and the next one tried at once.
        """
        self.admit()
        async with self._turn():
            return await self._ask_with_any_key(self._dialect.request(jpeg))

    async def _ask_with_any_key(self, body: bytes) -> Analyzed:
        tried: dict[bytes, Problem] = {}
        while True:
            reserved = await self._reserve(tried)
            try:
                return await self._ask(reserved, body)
            except (KeySlowed, KeyRefused) as problem:
                tried[reserved.key.digest] = problem
                if len(tried) == len(self._pool):
                    raise _soonest(tried) from None

    async def _reserve(self, tried: Mapping[bytes, Problem]) -> Reserved:
        """A request of a key that was not tried.

        To have been slowed down counts as an attempt: it must not go on for ever. But it is the other keys' room that
        is waited for, not the slow one's.
        """
        try:
            return await self._pool.reserve(without=tried)
        except NotYet as wait:
            for problem in tried.values():
                if isinstance(problem, KeySlowed):
                    raise Transient(problem.problem, problem.detail, retry_after_seconds=wait.seconds) from None
            raise

    async def _ask(self, reserved: Reserved, body: bytes) -> Analyzed:
        found = await self._find(reserved.key, body)
        problem = found.said if isinstance(found.said, Problem) else None
        await self._pool.learn(reserved, problem, cost_micros=found.cost_micros)
        if isinstance(found.said, Problem):
            raise found.said
        return Analyzed(found.said, self.model, reserved.key.hint, found.cost_micros)

    async def _find(self, key: Key, body: bytes) -> Found:
        """Ask once. What comes back is rid of the key, before anything is made of it: errors like to repeat it."""
        try:
            reply = await post(
                self._client,
                self._url,
                body,
                {self._dialect.key_header: key.secret},
                provider=self.name,
                seconds_max=self._limits.seconds_max,
                bytes_max=self._limits.answer_bytes_max,
            )
        except Transient as problem:
            return Found(problem)
        answer = reply.body.replace(key.secret.encode(), f"…{key.hint}".encode())
        if reply.status == HTTPStatus.OK:
            return self._dialect.read(answer)
        return Found(problem_of_reply(self.name, Reply(reply.status, answer, reply.retry_after_seconds)))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self._queued += 1
        try:
            async with asyncio.timeout(TURN_SECONDS_MAX):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._queued -= 1
        try:
            yield
        finally:
            self._free.release()

    def _busy(self) -> NotYet:
        reason = f"{self._limits.concurrency} calls of {self.name} are under way"
        return NotYet(reason, BUSY_SECONDS * (0.5 + random.random()))
