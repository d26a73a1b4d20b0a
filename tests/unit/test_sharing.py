"""Work that is asked for several times at once."""

import asyncio

import pytest

from services.enhancer.sharing import Sharing
from shared.errors import Transient


class Work:
    """Work that ends when it is told to; whether it has begun, and how often."""

    def __init__(self, *results: str | Exception) -> None:
        self._results = list(results)
        self.times = 0
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> str:
        self.times += 1
        self.begun.set()
        result = self._results.pop(0)
        await self.may_end.wait()
        if isinstance(result, Exception):
            raise result
        return result


async def ask_all(work: Work, number: int = 3) -> list[tuple[str, bool] | BaseException]:
    """Everybody asks at once, then the work may end."""
    sharing = Sharing[str, str](10)
    asking = [asyncio.create_task(sharing.get("key", asker, work)) for asker in range(number)]
    await work.begun.wait()
    work.may_end.set()
    return await asyncio.gather(*asking, return_exceptions=True)


async def test_those_who_ask_while_it_is_under_way_share_one_result() -> None:
    work = Work("result")
    assert await ask_all(work) == [("result", False), ("result", True), ("result", True)]
    assert work.times == 1


async def test_when_it_fails_for_one_the_others_try_themselves() -> None:
    work = Work(Transient("away"), "second")
    first, *others = await ask_all(work)
    assert isinstance(first, Transient)
    assert others == [("second", False), ("second", True)]


async def test_who_comes_later_gets_the_result_and_who_comes_again_gets_it_as_its_own() -> None:
    sharing, work = Sharing[str, str](10), Work("result")
    work.may_end.set()
    assert await sharing.get("key", "one", work) == ("result", False)
    assert await sharing.get("key", "other", work) == ("result", True)
    assert await sharing.get("key", "one", work) == ("result", False)
    assert work.times == 1


async def test_different_work_is_not_shared() -> None:
    sharing, work = Sharing[str, str](10), Work("one", "other")
    work.may_end.set()
    assert [(await sharing.get(key, "asker", work))[0] for key in ("a", "b")] == ["one", "other"]


async def test_only_the_latest_results_are_kept() -> None:
    sharing, work = Sharing[str, str](2), Work("a", "b", "c", "a again")
    work.may_end.set()
    for key in ("a", "b", "c"):
        await sharing.get(key, "asker", work)
    assert await sharing.get("c", "asker", work) == ("c", False)
    assert await sharing.get("a", "asker", work) == ("a again", False)


async def test_one_who_is_stopped_holds_nobody_up() -> None:
    sharing, work = Sharing[str, str](10), Work("first", "second")
    stopped = asyncio.create_task(sharing.get("key", "one", work))
    await work.begun.wait()
    waiting = asyncio.create_task(sharing.get("key", "other", work))
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    work.may_end.set()
    assert await waiting == ("second", False)
