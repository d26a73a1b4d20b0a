"""So many requests per key in any window, whoever makes them: several pools, restarts, killed processes."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from services.enhancer.analysis import Analyzed
from shared.db import Database
from shared.errors import NotYet
from tests.eventually import eventually
from tests.provider_pools import JPEG, new_keys, open_database, outcome, patiently, vision  # noqa: F401
from tests.provider_servers import Behaviour, provider_server

CHECKOUT = Path(__file__).parents[2]


async def test_two_keys_share_the_load(database: Database) -> None:
    keys = new_keys(2)
    async with provider_server() as server, vision(database, server, keys) as provider:
        found = [await provider.analyze(JPEG) for _ in range(10)]
    assert {each.key_hint for each in found} == {key[-4:] for key in keys}
    assert [len(server.times(key)) for key in keys] == [5, 5]
    assert server.complaints == []


async def test_a_key_has_no_more_requests_than_allowed_until_the_window_is_over(database: Database) -> None:
    (key,) = new_keys()
    async with provider_server() as server, vision(database, server, [key], provider_requests_max=3) as provider:
        found = [await outcome(provider) for _ in range(5)]
        with pytest.raises(NotYet):
            provider.admit()
    assert [type(each) for each in found] == [Analyzed] * 3 + [NotYet] * 2
    waits = [each.seconds for each in found if isinstance(each, NotYet)]
    assert all(30 <= wait <= 75 for wait in waits)
    assert len(server.calls) == 3


async def test_two_hundred_images_and_two_processes_stay_within_every_window(database: Database) -> None:
    keys, window, allowed = new_keys(2), 2.0, 20
    knobs = {"provider_requests_max": allowed, "provider_window_seconds": window}
    async with (
        provider_server(script={"*": [Behaviour(seconds=0.05)]}) as server,
        vision(database, server, keys, **knobs) as one,
        vision(database, server, keys, **knobs) as other,
    ):
        started = time.monotonic()
        await asyncio.gather(*(patiently(one if number % 2 else other) for number in range(200)))
        took = time.monotonic() - started
    assert len(server.calls) == 200
    assert [server.most_in_any_window(key, window) for key in keys] == [allowed, allowed]
    # five windows' worth of requests need four windows; a line that leaves room unused would take much longer
    assert 4 * window <= took < 9 * window


async def test_a_restart_gives_no_new_requests(database: Database) -> None:
    keys = new_keys()
    async with provider_server() as server:
        async with vision(database, server, keys, provider_requests_max=2) as provider:
            assert [type(await outcome(provider)) for _ in range(2)] == [Analyzed, Analyzed]
        async with vision(database, server, keys, provider_requests_max=2) as provider:
            assert isinstance(await outcome(provider), NotYet)
    assert len(server.calls) == 2


async def test_no_more_calls_than_allowed_are_under_way(database: Database) -> None:
    async with (
        provider_server(script={"*": [Behaviour(seconds=0.1)]}) as server,
        vision(database, server, new_keys(2), provider_concurrency=3) as provider,
    ):
        found = await asyncio.gather(*(patiently(provider) for _ in range(12)))
    assert len(found) == 12
    assert server.under_way_most == 3


async def test_images_that_find_all_calls_taken_wait_outside(database: Database) -> None:
    async with (
        provider_server(script={"*": [Behaviour("never")]}) as server,
        vision(database, server, new_keys(), provider_concurrency=2) as provider,
    ):
        calls = [asyncio.create_task(provider.analyze(JPEG)) for _ in range(4)]

        def busy() -> None:
            assert server.under_way == 2
            with pytest.raises(NotYet, match="2 calls of google_vision are under way"):
                provider.admit()

        await eventually(busy)
        found = await asyncio.gather(*calls[2:], return_exceptions=True)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in found] == [NotYet, NotYet]


async def test_a_killed_process_locks_nothing_and_its_requests_come_back(database: Database) -> None:
    (key,) = new_keys()
    async with provider_server(script={key: [Behaviour("never"), Behaviour()]}) as server:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.provider_process", database.url, server.url, key), cwd=CHECKOUT
        )
        await asyncio.wait_for(server.arrived.wait(), 20)
        program.send_signal(signal.SIGKILL)
        await program.wait()
        knobs = {"provider_requests_max": 1, "provider_window_seconds": 1.0, "provider_seconds_max": 1}
        async with vision(database, server, [key], **knobs) as provider:
            assert isinstance(await outcome(provider), NotYet)
            started = time.monotonic()
            assert isinstance(await patiently(provider), Analyzed)
    # one second for the call, two of margin, one of the window
    assert time.monotonic() - started < 12
    assert len(server.calls) == 2
