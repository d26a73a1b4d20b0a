"""Whatever a provider's server does, an image is analysed, waits or fails with a name, in bounded time."""

import time

import pytest

from services.enhancer.analysis import Analyzed
from shared.db import Database
from shared.errors import Permanent, Problem, Transient
from tests.provider_pools import JPEG, gemini, new_keys, open_database, outcome, vision  # noqa: F401
from tests.provider_servers import Behaviour, provider_server

FAILURES = [
    ("rejected", Permanent, "provider_rejected"),
    ("unavailable", Transient, "provider_unavailable"),
    ("broken", Transient, "provider_unavailable"),
    ("no_model", Transient, "provider_unavailable"),
    ("moved", Transient, "provider_unavailable"),
    ("garbage", Transient, "provider_garbage"),
    ("misshapen", Transient, "provider_garbage"),
    ("encoded", Transient, "provider_garbage"),
    ("huge", Transient, "provider_garbage"),
    ("cut", Transient, "provider_unavailable"),
    ("closed", Transient, "provider_unavailable"),
    ("never", Transient, "provider_timeout"),
    ("dripping", Transient, "provider_timeout"),
]
SECONDS_MAX = 2


@pytest.mark.parametrize("name", ["google_vision", "gemini"])
@pytest.mark.parametrize(("kind", "error", "problem"), FAILURES, ids=[kind for kind, _, _ in FAILURES])
async def test_a_failure_has_a_name_and_the_next_image_is_analysed(
    database: Database, name: str, kind: str, error: type[Problem], problem: str
) -> None:
    keys = new_keys()
    opened = vision if name == "google_vision" else gemini
    async with (
        provider_server(script={"*": [Behaviour(kind), Behaviour()]}) as server,
        opened(database, server, keys, provider_seconds_max=SECONDS_MAX) as provider,
    ):
        started = time.monotonic()
        found = await outcome(provider)
        took = time.monotonic() - started
        after = await outcome(provider)
    assert isinstance(found, error), found
    assert isinstance(found, Problem)
    assert found.problem == problem
    assert len(found.detail) <= 250
    assert keys[0] not in str(found)
    assert took < SECONDS_MAX + 2
    assert isinstance(after, Analyzed)
    assert server.complaints == []


async def test_a_busy_provider_says_when_to_come_back(database: Database) -> None:
    async with (
        provider_server(script={"*": [Behaviour("unavailable", retry_after=17)]}) as server,
        vision(database, server, new_keys()) as provider,
    ):
        found = await outcome(provider)
    assert isinstance(found, Transient)
    assert found.retry_after_seconds == 17


async def test_a_server_that_is_not_there_is_unavailable(database: Database) -> None:
    async with provider_server() as server:
        pass
    async with vision(database, server, new_keys()) as provider:
        found = await outcome(provider)
    assert isinstance(found, Transient)
    assert found.problem == "provider_unavailable"


@pytest.mark.parametrize(("code", "problem"), [(3, "provider_rejected"), (14, "provider_unavailable")])
async def test_an_error_inside_an_answer_of_200_is_a_failure(database: Database, code: int, problem: str) -> None:
    async with (
        provider_server(script={"*": [Behaviour("image_error", code=code)]}) as server,
        vision(database, server, new_keys()) as provider,
    ):
        found = await outcome(provider)
    assert isinstance(found, Problem)
    assert found.problem == problem


@pytest.mark.parametrize(
    ("kind", "error", "problem"),
    [
        ("blocked", Permanent, "provider_blocked"),
        ("max_tokens", Transient, "provider_garbage"),
        ("empty", Transient, "provider_garbage"),
    ],
)
async def test_a_model_that_will_not_answer_is_a_failure(
    database: Database, kind: str, error: type[Problem], problem: str
) -> None:
    async with (
        provider_server(script={"*": [Behaviour(kind)]}) as server,
        gemini(database, server, new_keys()) as provider,
    ):
        found = await outcome(provider)
    assert isinstance(found, error), found
    assert isinstance(found, Problem)
    assert found.problem == problem


async def test_prose_of_a_model_is_a_success(database: Database) -> None:
    async with (
        provider_server(script={"*": [Behaviour(text="A bakery at a corner.")]}) as server,
        gemini(database, server, new_keys()) as provider,
    ):
        found = await provider.analyze(JPEG)
    assert found.analysis.text_content == found.analysis.image_description == "A bakery at a corner."
    assert not found.analysis.store_image


async def test_calls_that_come_to_nothing_leave_room_for_the_next(database: Database) -> None:
    async with (
        provider_server(script={"*": [Behaviour("never")] * 12 + [Behaviour()]}) as server,
        vision(database, server, new_keys(), provider_seconds_max=0.2, provider_concurrency=3) as provider,
    ):
        found = [await outcome(provider) for _ in range(13)]
    assert [type(each) for each in found] == [Transient] * 12 + [Analyzed]
