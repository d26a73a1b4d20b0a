"""Keys that are refused or slowed down are set aside while others go on; what is kept of any of them is no secret."""

import asyncio

import pytest

from services.enhancer.analysis import Analyzed
from services.enhancer.providers.verdicts import KeyRefused, KeySlowed
from shared.db import Database
from shared.errors import NotYet, Transient
from tests.eventually import eventually
from tests.provider_pools import (  # noqa: F401
    JPEG,
    gemini,
    known,
    new_keys,
    open_database,
    outcome,
    patiently,
    provider_settings,
    providers,
    vision,
)
from tests.provider_servers import Behaviour, provider_server

REFUSALS = ("unknown_key", "unauthorized", "forbidden")


async def test_only_providers_with_keys_are_opened(database: Database) -> None:
    async with provider_server() as server:
        async with providers(database, provider_settings(server)) as found:
            assert dict(found) == {}
        async with providers(database, provider_settings(server, gemini=new_keys())) as found:
            assert [(each.name, each.model) for each in found.values()] == [("gemini", "gemini-2.0-flash")]


async def test_an_analysis_names_its_key_by_four_characters_and_its_cost(database: Database) -> None:
    (key,) = new_keys()
    async with provider_server() as server:
        async with vision(database, server, [key]) as provider:
            seen = await provider.analyze(JPEG)
        async with gemini(database, server, [key]) as provider:
            told = await provider.analyze(JPEG)
    assert (seen.model, seen.key_hint, seen.cost_micros) == ("images:annotate", key[-4:], 4_500)
    assert (told.model, told.key_hint, told.cost_micros) == ("gemini-2.0-flash", key[-4:], 188)
    assert (seen.analysis.store_name, told.analysis.store_name) == ("CORNER BAKERY", "Corner Bakery")
    assert server.complaints == []


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refused_key_is_set_aside_and_the_other_goes_on(database: Database, refusal: str) -> None:
    bad, good = new_keys(2)
    async with (
        provider_server(script={bad: [Behaviour(refusal)]}) as server,
        gemini(database, server, [bad, good]) as provider,
    ):
        found = [await provider.analyze(JPEG) for _ in range(6)]
    assert {each.key_hint for each in found} == {good[-4:]}
    assert len(server.times(bad)) == 1
    assert (await known(database, bad))["refused"]


async def test_a_refused_key_is_tried_again(database: Database) -> None:
    bad, good = new_keys(2)
    async with (
        provider_server(script={bad: [Behaviour("forbidden")]}) as server,
        vision(database, server, [bad, good], provider_refused_seconds=1, provider_window_seconds=0.5) as provider,
    ):

        async def refused() -> None:
            await provider.analyze(JPEG)
            assert server.times(bad)

        await eventually(refused)
        server.script = {bad: [Behaviour()]}

        async def back() -> None:
            await provider.analyze(JPEG)
            assert server.kinds()[bad].count("answer") > 1

        await eventually(back)
    assert server.kinds()[bad][:2] == ["forbidden", "answer"]
    assert not (await known(database, bad))["refused"]


async def test_one_request_tries_a_refused_key(database: Database) -> None:
    keys = new_keys()
    async with provider_server(keys=set()) as server:
        async with vision(database, server, keys) as provider:
            assert isinstance(await outcome(provider), KeyRefused)
        async with vision(database, server, keys) as provider:
            found = await asyncio.gather(*(outcome(provider) for _ in range(10)))
    assert {type(each) for each in found} == {KeyRefused, Transient}
    assert {each.problem for each in found if isinstance(each, Transient)} == {"provider_refused"}
    assert len(server.calls) <= 3  # two that look at the same moment may both try it


async def test_images_wait_when_every_key_is_refused_and_are_told_why(database: Database) -> None:
    keys = new_keys(2)
    async with (
        provider_server(keys=set()) as server,
        vision(database, server, keys, provider_refused_seconds=500) as provider,
    ):
        first, second = await outcome(provider), await outcome(provider)
        with pytest.raises(Transient, match="provider_refused"):
            provider.admit()
    assert isinstance(first, KeyRefused)
    assert first.retry_after_seconds == 500
    assert isinstance(second, Transient)
    assert second.problem == "provider_refused"
    assert second.retry_after_seconds == pytest.approx(500, abs=20)
    assert all(f"…{key[-4:]}" in second.detail for key in keys)
    assert len(server.calls) == 2


async def test_a_key_that_is_configured_anew_is_tried_at_once(database: Database) -> None:
    keys = new_keys()
    async with provider_server(keys=set()) as server:
        async with vision(database, server, keys) as provider:
            assert isinstance(await outcome(provider), KeyRefused)
        server.keys = None
        async with vision(database, server, keys) as provider:
            assert isinstance(await patiently(provider), Analyzed)


async def test_a_slowed_key_rests_as_long_as_it_is_told_and_the_other_goes_on(database: Database) -> None:
    slow, quick = new_keys(2)
    async with (
        provider_server(script={slow: [Behaviour("quota", retry_after=300)]}) as server,
        vision(database, server, [slow, quick]) as provider,
    ):
        found = [await provider.analyze(JPEG) for _ in range(6)]
    assert {each.key_hint for each in found} == {quick[-4:]}
    assert len(server.times(slow)) == 1
    row = await known(database, slow)
    assert (row["rests"], row["allowance"]) == (True, 27)


async def test_an_only_key_that_is_slowed_costs_an_attempt_and_then_images_wait(database: Database) -> None:
    async with (
        provider_server(script={"*": [Behaviour("quota", retry_after=300)]}) as server,
        gemini(database, server, new_keys()) as provider,
    ):
        first, second = await outcome(provider), await outcome(provider)
    assert isinstance(first, KeySlowed)
    assert (first.problem, first.retry_after_seconds) == ("provider_quota", 300)
    assert isinstance(second, NotYet)
    assert second.seconds <= 60
    assert len(server.calls) == 1


async def test_a_used_up_day_sets_the_key_aside_for_long(database: Database) -> None:
    (key,) = new_keys()
    async with (
        provider_server(script={key: [Behaviour("day_quota")]}) as server,
        gemini(database, server, [key]) as provider,
    ):
        found = await outcome(provider)
    assert isinstance(found, KeySlowed)
    assert found.retry_after_seconds == 3_600
    assert (await known(database, key))["rests"]


async def test_many_at_once_slow_a_key_down_once(database: Database) -> None:
    (key,) = new_keys()
    async with (
        provider_server(script={key: [Behaviour("quota", seconds=0.3, retry_after=9)]}) as server,
        vision(database, server, [key]) as provider,
    ):
        found = await asyncio.gather(*(outcome(provider) for _ in range(10)))
    assert {type(each) for each in found} <= {KeySlowed, NotYet}  # one that comes late finds the key at rest
    assert len(server.calls) >= 2
    assert (await known(database, key))["allowance"] == 27


async def test_a_slowed_key_is_used_less_and_by_and_by_more_again(database: Database) -> None:
    (key,) = new_keys()
    window = 1.0
    knobs = {"provider_requests_max": 16, "provider_window_seconds": window}
    async with (
        provider_server(script={key: [Behaviour("quota"), Behaviour("quota"), Behaviour()]}) as server,
        vision(database, server, [key], **knobs) as provider,
    ):
        assert isinstance(await outcome(provider), KeySlowed)
        await eventually(lambda: slowed_again(provider))
        assert (await known(database, key))["allowance"] == 4
        await asyncio.gather(*(patiently(provider) for _ in range(50)))
        assert (await known(database, key))["allowance"] == 16
        times = server.times(key)
    slowed_at = times[1]
    assert sum(slowed_at < at < slowed_at + window for at in times) <= 6
    assert server.most_in_any_window(key, window) > 8


async def slowed_again(provider: object) -> None:
    """The second request is made when the key has rested."""
    assert isinstance(await outcome(provider), KeySlowed)  # type: ignore[arg-type]


async def test_a_provider_that_allows_less_than_we_think_is_found_out(database: Database) -> None:
    (key,) = new_keys()
    async with (
        provider_server(limit=(5, 1.0)) as server,
        vision(database, server, [key], provider_requests_max=40, provider_window_seconds=1.0) as provider,
    ):
        answered = 0
        for _ in range(4):
            found = await asyncio.gather(*(refused_or_done(provider) for _ in range(10)))
            answered += sum(found)
        met = server.kinds()[key]
    assert answered >= 15
    assert met.count("quota") < met.count("answer")


async def refused_or_done(provider: object) -> bool:
    """Whether a patient image is analysed, rather than slowed down."""
    try:
        await patiently(provider)  # type: ignore[arg-type]
    except KeySlowed:
        return False
    return True


async def test_requests_are_counted_by_day_and_key(database: Database) -> None:
    (key,) = new_keys()
    script = [Behaviour(), Behaviour(), Behaviour("broken"), Behaviour("rejected"), Behaviour("quota", retry_after=99)]
    async with provider_server(script={key: script}) as server, vision(database, server, [key]) as provider:
        for _ in script:
            await outcome(provider)
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT provider, requests, refused, images, cost_micros FROM provider_usage WHERE key_hint = $1", key[-4:]
        )
    assert row is not None
    assert tuple(row) == ("google_vision", 5, 1, 2, 9_000)


async def test_no_table_and_no_message_has_a_key(database: Database) -> None:
    (key,) = new_keys()
    errors = []
    for kind in REFUSALS:
        async with (
            provider_server(script={key: [Behaviour(kind)]}) as server,
            gemini(database, server, [key]) as provider,
        ):
            errors.append(await outcome(provider))
    assert all(isinstance(error, Transient) for error in errors)
    assert any(f"…{key[-4:]}" in str(error) for error in errors)
    async with database.connection() as connection:
        rows = [
            str(await connection.fetch("SELECT t::text FROM provider_keys AS t")),
            str(await connection.fetch("SELECT t::text FROM provider_usage AS t")),
        ]
    assert key[-4:] in rows[0]
    assert key not in "".join([*rows, *map(repr, errors), repr(provider_settings(server, gemini=[key]))])


async def test_an_answer_that_was_paid_for_outlives_the_database(database: Database) -> None:
    mortal = await Database.open(database.url, database.schema)
    async with (
        provider_server(script={"*": [Behaviour(seconds=0.5)]}) as server,
        vision(mortal, server, new_keys()) as provider,
    ):
        analysing = asyncio.create_task(provider.analyze(JPEG))
        await server.arrived.wait()
        await mortal.close()
        assert isinstance(await analysing, Analyzed)


async def test_an_image_that_one_key_has_slowed_down_waits_for_the_room_of_the_others(database: Database) -> None:
    slow, good = new_keys(2)
    settings = {"provider_requests_max": 1, "provider_window_seconds": 20}
    async with provider_server(script={slow: [Behaviour("quota", retry_after=300)]}) as server:
        async with gemini(database, server, [good], **settings) as provider:
            assert isinstance(await outcome(provider), Analyzed)
        async with gemini(database, server, [slow, good], **settings) as provider:
            found = await outcome(provider)
    assert isinstance(found, Transient)
    assert found.problem == "provider_quota"
    assert found.retry_after_seconds is not None
    assert found.retry_after_seconds <= 20
