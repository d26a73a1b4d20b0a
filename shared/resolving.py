"""Looking up host names: once per name and minute, in threads, every answer judged."""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.addresses import Allowance
from shared.errors import Problem, Transient

Lookup = Callable[[str], Awaitable[Sequence[str]]]  # name -> addresses; raises socket.gaierror

NAMES_MAX = 10_000
ADDRESSES_MAX = 8  # of one name, tried in this order
ANSWER_SECONDS = 60.0
NOT_FOUND_SECONDS = 5.0
FAULT_SECONDS = 1.0
THREADS_MAX = 16
NOT_FOUND = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look-up said, and until when (loop time) it is believed."""

    addresses: tuple[str, ...]
    is_temporary: bool
    expires_at: float


class Names:
    """A cache of look-ups; concurrent questions for one name wait for one look-up."""

    def __init__(self, allowance: Allowance, *, seconds_max: float, lookup: Lookup | None = None) -> None:
        self._allowance = allowance
        self._seconds_max = seconds_max
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="names")
        self._lookup = lookup or self._ask_system
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Answer]] = {}

    async def addresses(self, name: str, port: int) -> tuple[str, ...]:
        """Return the addresses of a name, all of them judged: one bad answer refuses the name.

        Raises Permanent(address_forbidden) or Transient(dns_failed).
        """
        answer = self._answers.get(name)
        if answer is None or answer.expires_at < asyncio.get_running_loop().time():
            answer = await self._ask(name)
        if not answer.addresses:
            raise _failure(name, answer)
        for address in answer.addresses:
            self._allowance.judge(address, port)
        return answer.addresses[:ADDRESSES_MAX]

    async def close(self) -> None:
        """Give up the look-ups under way; a thread inside one ends by itself."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, name: str) -> Answer:
        """Join the look-up under way or start one; whoever stops waiting does not stop it for the others."""
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(self._ask_once(name))
            task.add_done_callback(lambda _: self._asking.pop(name, None))
        return await asyncio.shield(task)

    async def _ask_once(self, name: str) -> Answer:
        addresses: tuple[str, ...] = ()
        is_temporary = False
        try:
            async with asyncio.timeout(self._seconds_max):
                addresses = tuple(await self._lookup(name))
        except UnicodeError:
            is_temporary = False
        except OSError as error:
            is_temporary = error.errno not in NOT_FOUND
        answer = Answer(addresses, is_temporary, asyncio.get_running_loop().time() + _lifetime(addresses, is_temporary))
        self._remember(name, answer)
        return answer

    def _remember(self, name: str, answer: Answer) -> None:
        self._answers[name] = answer
        self._answers.move_to_end(name)
        if len(self._answers) > NAMES_MAX:
            self._answers.popitem(last=False)

    async def _ask_system(self, name: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses_of, name)
        return list(dict.fromkeys(found))


def _addresses_of(name: str) -> list[str]:
    """Ask the system's resolver; blocking."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]


def _lifetime(addresses: tuple[str, ...], is_temporary: bool) -> float:
    if addresses:
        return ANSWER_SECONDS
    return FAULT_SECONDS if is_temporary else NOT_FOUND_SECONDS


def _failure(name: str, answer: Answer) -> Problem:
    """Name the failure; the earliest sensible retry is when the answer is no longer believed."""
    if answer.is_temporary:
        return Transient("dns_failed", f"The look-up of {name} failed.", retry_after_seconds=FAULT_SECONDS)
    detail = f"The host name {name} does not exist."
    return Transient("dns_failed", detail, retry_after_seconds=NOT_FOUND_SECONDS, attempts_max=2)
