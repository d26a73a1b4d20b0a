"""Batches analysed by providers, over HTTP against the whole system: keys share the work, bad ones are set aside."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.batch_builders import batch_csv, create_batch, until_batch_ended
from tests.builders import Site
from tests.conftest import ANSWER_SECONDS_MAX
from tests.eventually import eventually, throughout
from tests.stacks import running_program, running_stack

GOOD, OTHER, REFUSED, SLOW = "vision-good-aaaa", "vision-other-bbbb", "vision-refused-cccc", "vision-slow-dddd"
GEMINI = "gemini-only-eeee"
WINDOW_SECONDS, REQUESTS_MAX = 4.0, 10


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """The URL of a stand-in for both providers."""
    with running_program("tests.provider_servers") as url:
        yield url


@pytest.fixture(scope="module")
def provider_stack(stand_in: str) -> Iterator[Stack]:
    """A system with keys of both providers."""
    settings = {
        "DARKROOM_GOOGLE_VISION_URL": stand_in,
        "DARKROOM_GEMINI_URL": stand_in,
        "GOOGLE_VISION_API_KEYS": ",".join((GOOD, OTHER, REFUSED, SLOW)),
        "GEMINI_API_KEY": GEMINI,
        "DARKROOM_PROVIDER_WINDOW_SECONDS": str(WINDOW_SECONDS),
        "DARKROOM_PROVIDER_REQUESTS_MAX": str(REQUESTS_MAX),
        "DARKROOM_PROVIDER_SECONDS_MAX": "5",
    }
    with running_stack(settings=settings) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def caller(provider_stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of that system."""
    async with httpx.AsyncClient(base_url=provider_stack.urls.gateway, timeout=ANSWER_SECONDS_MAX) as opened:
        yield opened


@pytest_asyncio.fixture
async def provider(stand_in: str) -> AsyncIterator[httpx.AsyncClient]:
    """The stand-in, to be told what to do."""
    async with httpx.AsyncClient(base_url=stand_in) as opened:
        yield opened


async def tell(provider: httpx.AsyncClient, **said: Any) -> None:
    """Forget what came before, and behave like this from now on."""
    assert (await provider.put("/_told", json={"script": {}, "keys": None, "limit": None, **said})).is_success


async def calls(provider: httpx.AsyncClient) -> list[dict[str, Any]]:
    """What came to the stand-in; every request was in the form that the providers ask for."""
    found = (await provider.get("/_calls")).json()
    assert found["complaints"] == []
    return list(found["calls"])


async def results(caller: httpx.AsyncClient, batch_id: str) -> list[dict[str, Any]]:
    """A batch's results."""
    answer = await caller.get(f"/api/v1/batches/{batch_id}/results", params={"per_page": 1000})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def most_in_any_window(arrived: list[dict[str, Any]], key: str) -> int:
    """The most requests of a key within a window."""
    times = [call["at"] for call in arrived if call["key"] == key]
    return max((sum(start <= at < start + WINDOW_SECONDS for at in times) for start in times), default=0)


async def test_keys_share_a_batch_and_bad_ones_cost_it_nothing(
    caller: httpx.AsyncClient, provider: httpx.AsyncClient, site: Site
) -> None:
    await tell(provider, script={REFUSED: ["forbidden"], SLOW: [{"kind": "quota", "retry_after": 600}]})
    batch_id = await create_batch(caller, batch_csv(site.photos(60)), operation="analyze", provider="auto")
    status = await until_batch_ended(caller, batch_id, 90)
    assert status["progress"]["successful_count"] == 60
    found = await results(caller, batch_id)
    assert {row["store_name"] for row in found} == {"CORNER BAKERY"}
    assert {row["provider"] for row in found} == {"google_vision"}
    assert {row["api_key_used"] for row in found} == {GOOD[-4:], OTHER[-4:]}
    arrived = await calls(provider)
    counts = Counter(call["key"] for call in arrived)
    assert counts[GOOD] + counts[OTHER] == 60
    assert counts[REFUSED] in range(1, REQUESTS_MAX)
    assert counts[SLOW] in range(1, REQUESTS_MAX)
    assert most_in_any_window(arrived, GOOD) <= REQUESTS_MAX
    assert most_in_any_window(arrived, OTHER) <= REQUESTS_MAX


async def test_a_killed_enhancer_loses_no_image_and_no_count(
    caller: httpx.AsyncClient, provider: httpx.AsyncClient, provider_stack: Stack, site: Site
) -> None:
    await tell(provider, script={GEMINI: [{"kind": "answer", "seconds": 0.3}]})
    batch_id = await create_batch(caller, batch_csv(site.photos(30)), operation="analyze", provider="gemini")

    async def under_way() -> None:
        assert len(await calls(provider)) >= 5

    await eventually(under_way, 30)
    provider_stack.kill("enhancer")
    status = await until_batch_ended(caller, batch_id, 120)
    assert status["progress"]["successful_count"] == 30
    found = await results(caller, batch_id)
    assert len({row["url"] for row in found}) == len(found) == 30
    assert {row["model"] for row in found} == {"gemini-2.0-flash"}
    arrived = await calls(provider)
    assert most_in_any_window(arrived, GEMINI) <= REQUESTS_MAX
    assert len(arrived) <= 30 + REQUESTS_MAX


async def test_the_same_bytes_are_not_paid_for_twice(
    caller: httpx.AsyncClient, provider: httpx.AsyncClient, site: Site
) -> None:
    await tell(provider)
    url = site.photo()
    for _ in range(2):
        batch_id = await create_batch(caller, batch_csv([url]), operation="analyze", provider="gemini")
        await until_batch_ended(caller, batch_id, 60)
    (row,) = await results(caller, batch_id)
    assert (row["success"], row["cache_hit"], row["cost"]) == (True, True, 0)
    assert len(await calls(provider)) == 1


async def test_a_picture_that_a_provider_will_not_see_fails_alone(
    caller: httpx.AsyncClient, provider: httpx.AsyncClient, site: Site
) -> None:
    await tell(provider, script={GEMINI: ["blocked", "answer"]})
    batch_id = await create_batch(caller, batch_csv(site.photos(3)), operation="analyze", provider="gemini")
    status = await until_batch_ended(caller, batch_id, 60)
    assert (status["progress"]["successful_count"], status["progress"]["failed_count"]) == (2, 1)
    (failed,) = [row for row in await results(caller, batch_id) if not row["success"]]
    assert failed["error_message"].startswith("provider_blocked: ")


async def test_a_paused_batch_asks_no_provider(
    caller: httpx.AsyncClient, provider: httpx.AsyncClient, site: Site
) -> None:
    await tell(provider)
    batch_id = await create_batch(caller, batch_csv(site.photos(40)), operation="analyze", provider="gemini")

    async def begun() -> None:
        assert len(await calls(provider)) >= 3

    await eventually(begun, 30)
    assert (await caller.post(f"/api/v1/batches/{batch_id}/pause")).status_code == 200

    async def at_rest() -> None:
        before = len(await calls(provider))
        assert before < 40
        await throughout(WINDOW_SECONDS + 1, lambda: asked(provider, before))

    await eventually(at_rest, 20)
    assert (await caller.post(f"/api/v1/batches/{batch_id}/resume")).status_code == 200
    await until_batch_ended(caller, batch_id, 120)
    assert len(await calls(provider)) == len({row["url"] for row in await results(caller, batch_id)}) == 40


async def asked(provider: httpx.AsyncClient, times: int) -> None:
    """The provider was asked so often."""
    assert len(await calls(provider)) == times


async def test_no_log_has_a_key(provider_stack: Stack) -> None:
    logs = await asyncio.to_thread(
        lambda: "".join(log.read_text(errors="replace") for log in provider_stack.home.logs.glob("*.log"))
    )
    assert "provider.key_set_aside" in logs
    assert [key for key in (GOOD, OTHER, REFUSED, SLOW, GEMINI) if key in logs] == []
