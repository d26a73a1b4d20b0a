"""Look-ups: cached, shared, judged."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from shared.addresses import Allowance
from shared.errors import Permanent, Transient
from shared.resolving import ADDRESSES_MAX, NAMES_MAX, Names


class Directory:
    """A resolver with answers that the test chooses."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def names(directory: Directory, *, allow: str = "", seconds_max: float = 5) -> Names:
    return Names(Allowance.parse(allow), seconds_max=seconds_max, lookup=directory)


async def test_an_answer_is_remembered() -> None:
    directory = Directory(["8.8.8.8", "1.1.1.1"])
    cache = names(directory)
    for _ in range(3):
        assert await cache.addresses("a.test", 80) == ("8.8.8.8", "1.1.1.1")
    assert directory.asked == ["a.test"]


async def test_many_questions_at_once_are_one_look_up_and_one_who_leaves_does_not_stop_it() -> None:
    directory = Directory(["8.8.8.8"])
    directory.gate.clear()
    cache = names(directory)
    questions = [asyncio.create_task(cache.addresses("a.test", 80)) for _ in range(5)]
    await asyncio.sleep(0)
    questions[0].cancel()
    await asyncio.sleep(0)
    directory.gate.set()
    answers = await asyncio.gather(*questions, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [("8.8.8.8",)] * 4
    assert directory.asked == ["a.test"]


@pytest.mark.parametrize("bad", ["127.0.0.1", "10.0.0.1", "::1", "fe80::1%eth0", "::ffff:169.254.169.254"])
async def test_one_bad_address_refuses_the_name(bad: str) -> None:
    with pytest.raises(Permanent) as caught:
        await names(Directory(["8.8.8.8", bad])).addresses("a.test", 80)
    assert caught.value.problem == "address_forbidden"
    assert bad not in caught.value.detail


async def test_a_bad_address_behind_many_good_ones_is_found_too() -> None:
    many = [f"8.8.8.{number}" for number in range(100)]
    assert len(await names(Directory(many)).addresses("a.test", 80)) == ADDRESSES_MAX
    with pytest.raises(Permanent):
        await names(Directory([*many, "10.0.0.1"])).addresses("a.test", 80)


async def test_the_port_is_judged_with_every_question() -> None:
    cache = names(Directory(["10.0.0.1"]), allow="10.0.0.0/8:9000")
    assert await cache.addresses("a.test", 9000) == ("10.0.0.1",)
    with pytest.raises(Permanent):
        await cache.addresses("a.test", 9001)


@pytest.mark.parametrize(
    ("answer", "attempts_max"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), 2),
        (socket.gaierror(socket.EAI_NODATA, "no address"), 2),
        ([], 2),
        (UnicodeError("label too long"), 2),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), None),
        (OSError("no resolver"), None),
    ],
    ids=["unknown", "no address", "empty", "unicode", "temporary", "other"],
)
async def test_failures_have_their_own_problem_and_are_remembered_for_a_moment(
    answer: Sequence[str] | Exception, attempts_max: int | None
) -> None:
    directory = Directory(answer)
    cache = names(directory)
    for _ in range(2):
        with pytest.raises(Transient) as caught:
            await cache.addresses("a.test", 80)
        assert (caught.value.problem, caught.value.attempts_max) == ("dns_failed", attempts_max)
        assert caught.value.retry_after_seconds is not None
    assert directory.asked == ["a.test"]


async def test_a_silent_resolver_is_a_temporary_failure() -> None:
    directory = Directory(["8.8.8.8"])
    directory.gate.clear()
    with pytest.raises(Transient) as caught:
        await names(directory, seconds_max=0.05).addresses("a.test", 80)
    assert (caught.value.problem, caught.value.attempts_max) == ("dns_failed", None)


async def test_the_cache_is_bounded() -> None:
    directory = Directory(["8.8.8.8"])
    cache = names(directory)
    for number in range(NAMES_MAX + 1):
        await cache.addresses(f"{number}.test", 80)
    await cache.addresses("0.test", 80)
    await cache.addresses(f"{NAMES_MAX}.test", 80)
    assert len(directory.asked) == NAMES_MAX + 2


async def test_the_system_resolver_knows_this_machine() -> None:
    cache = Names(Allowance.parse("127.0.0.0/8,::1/128"), seconds_max=5)
    assert set(await cache.addresses("localhost", 80)) <= {"127.0.0.1", "::1"}
    await cache.close()


async def test_closing_gives_up_look_ups_under_way() -> None:
    directory = Directory(["8.8.8.8"])
    directory.gate.clear()
    cache = names(directory)
    question = asyncio.create_task(cache.addresses("a.test", 80))
    await asyncio.sleep(0)
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await question
