"""A few requests at a time per host, none while it asks us to wait."""

import asyncio

import pytest

from shared.errors import Transient
from shared.politeness import Hosts


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def hosts(*, per_host: int = 2, in_all: int = 10, wait_seconds: float = 5, hosts_max: int = 100) -> tuple[Hosts, Clock]:
    clock = Clock()
    table = Hosts(per_host=per_host, in_all=in_all, wait_seconds=wait_seconds, hosts_max=hosts_max, clock=clock)
    return table, clock


class Crowd:
    """Visitors that stay until they are let go, and how many were inside at the most."""

    def __init__(self, table: Hosts) -> None:
        self.table = table
        self.inside = self.most = 0
        self.door = asyncio.Event()
        self.entered = asyncio.Semaphore(0)

    async def visit(self, origin: str) -> None:
        async with self.table.visit(origin):
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.entered.release()
            await self.door.wait()
            self.inside -= 1


async def run_crowd(table: Hosts, origins: list[str], expected_inside: int) -> Crowd:
    crowd = Crowd(table)
    async with asyncio.TaskGroup() as group:
        for origin in origins:
            group.create_task(crowd.visit(origin))
        for _ in range(expected_inside):
            await crowd.entered.acquire()
        crowd.door.set()
    return crowd


async def test_one_host_is_asked_by_at_most_so_many_at_a_time() -> None:
    table, _ = hosts(per_host=2)
    crowd = await run_crowd(table, ["a"] * 9, expected_inside=2)
    assert crowd.most == 2
    assert crowd.inside == 0


async def test_one_busy_host_does_not_hold_up_another() -> None:
    table, _ = hosts(per_host=2)
    crowd = await run_crowd(table, ["a"] * 5 + ["b"] * 5, expected_inside=4)
    assert crowd.most == 4


async def test_there_is_a_limit_over_all_hosts() -> None:
    table, _ = hosts(per_host=2, in_all=3)
    crowd = await run_crowd(table, list("abcdefgh"), expected_inside=3)
    assert crowd.most == 3


async def test_waiting_in_line_has_an_end() -> None:
    table, _ = hosts(per_host=1, wait_seconds=0.05)
    async with table.visit("a"):
        with pytest.raises(Transient) as caught:
            async with table.visit("a"):
                pass
        assert caught.value.problem == "rate_limited"
    async with table.visit("a"):
        pass


async def test_a_visitor_who_gives_up_in_line_leaves_no_trace() -> None:
    table, _ = hosts(per_host=1, in_all=1)
    async with table.visit("a"):
        waiting = [asyncio.create_task(Crowd(table).visit(origin)) for origin in ("a", "b")]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    for origin in ("a", "b", "a"):
        async with table.visit(origin):
            pass


async def test_a_paused_host_is_refused_at_once_until_the_pause_ends() -> None:
    table, clock = hosts()
    table.pause("a", 30)
    table.pause("a", 10)
    clock.now += 20
    with pytest.raises(Transient) as caught:
        async with table.visit("a"):
            pass
    assert (caught.value.problem, caught.value.retry_after_seconds) == ("rate_limited", 10)
    async with table.visit("b"):
        pass
    clock.now += 10
    async with table.visit("a"):
        pass


async def test_who_waits_in_line_when_the_pause_begins_does_not_get_in() -> None:
    table, _ = hosts(per_host=1)
    async with table.visit("a"):
        waiting = asyncio.create_task(Crowd(table).visit("a"))
        await asyncio.sleep(0)
        table.pause("a", 30)
    with pytest.raises(Transient):
        await waiting


async def test_the_table_is_bounded_and_forgets_the_longest_unused() -> None:
    table, _ = hosts(hosts_max=3)
    for number in range(50):
        table.pause("kept", 30)
        async with table.visit(f"host-{number}"):
            pass
    assert len(table) == 3
    with pytest.raises(Transient):
        async with table.visit("kept"):
            pass


async def test_a_host_with_visitors_is_never_forgotten() -> None:
    table, _ = hosts(per_host=1, hosts_max=1, wait_seconds=0.05)
    async with table.visit("a"):
        for number in range(5):
            async with table.visit(f"host-{number}"):
                pass
        with pytest.raises(Transient):
            async with table.visit("a"):
                pass
