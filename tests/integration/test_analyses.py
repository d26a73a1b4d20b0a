"""Analysing images: the handler with a real Postgres, real workers and an analyser that counts."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from services.enhancer import analyzing
from services.enhancer.analysis import Analyzed
from services.enhancer.crowd import Crowd
from services.enhancer.domain import LOCAL_MODEL
from services.enhancer.handlers import gave_up, on_image_fetched
from services.enhancer.ports import Ports
from services.enhancer.sharing import Sharing
from shared import gate
from shared.errors import NotYet, Permanent, Problem, Transient
from shared.events import ImageEnhanced, ImageFailed, ImageFetched
from shared.facts import Analysis, Recipe
from shared.gate import ALL_RUNS, Control
from shared.outcome import Outcome
from tests.enhancer_images import Oracle, fetched, handled, opened_ports, record
from tests.eventually import eventually
from tests.golden.pictures import file_of, shop_front

ANSWER = Analyzed(Analysis(store_name="Miller", text_content="a\x00b"), "oracle-1", key_hint="abcd", cost_micros=4_500)


@pytest.fixture(scope="module")
def sign() -> bytes:
    return file_of(shop_front())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ports(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ports]:
    async with opened_ports(postgres_url, tmp_path_factory.mktemp("enhancer")) as opened:
        yield opened


@pytest.fixture
def oracle() -> Oracle:
    return Oracle(ANSWER)


@pytest.fixture
def asking(ports: Ports, oracle: Oracle) -> Ports:
    """Ports with an analyser that has keys."""
    return replace(ports, providers={oracle.name: oracle}, sharing=Sharing(100))


def after_a_restart(ports: Ports) -> Ports:
    """The same, remembering nothing but what is in the tables."""
    return replace(ports, sharing=Sharing(100))


def plain(colour: str) -> bytes:
    return file_of(Image.new("RGB", (64, 64), colour))


async def problem_of(ports: Ports, content: bytes, provider: str = "auto") -> Problem:
    with pytest.raises(Problem) as caught:
        await on_image_fetched(await fetched(ports, content, provider), ports)
    return caught.value


async def test_without_keys_the_local_analyser_tells_what_it_reads(ports: Ports, sign: bytes) -> None:
    before = datetime.now(UTC)
    event = await fetched(ports, sign)
    analyzed = await handled(event, ports)
    assert analyzed.analysis.store_name == "GOLDEN BAKERY"
    assert analyzed.analysis.store_image
    assert (analyzed.provider, analyzed.model, analyzed.key_hint) == ("local", LOCAL_MODEL, None)
    assert (analyzed.cost_micros, analyzed.cache_hit) == (0, False)
    assert (analyzed.image_id, analyzed.original, analyzed.run) == (event.image_id, event.blob, event.run)
    assert before <= analyzed.ended_at <= datetime.now(UTC)
    assert analyzed.timeline.enhance_attempts == 1
    assert analyzed.timeline.enhance_seconds
    assert 0 < analyzed.timeline.enhance_seconds < 100


async def test_a_picture_of_nothing_is_a_success_without_words(ports: Ports) -> None:
    analyzed = await handled(await fetched(ports, plain("white"), "local"), ports)
    described = analyzed.analysis.image_description
    assert analyzed.analysis == Analysis(image_description=described)
    assert described


async def test_a_provider_is_shown_an_upright_jpeg_of_bounded_size(asking: Ports, oracle: Oracle) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = file_of(Image.new("RGB", (3_000, 1_000), "red"), exif=exif)
    analyzed = await handled(await fetched(asking, content), asking)
    (shown,) = oracle.asked
    picture = Image.open(io.BytesIO(shown))
    assert (picture.format, picture.size) == ("JPEG", (683, 2_048))
    assert not picture.getexif()
    assert (analyzed.provider, analyzed.model, analyzed.key_hint) == ("gemini", "oracle-1", "abcd")
    assert analyzed.cost_micros == 4_500
    assert analyzed.analysis.text_content == "a b"


async def test_the_same_bytes_are_analysed_once_per_account(asking: Ports, oracle: Oracle) -> None:
    first = await fetched(asking, plain("blue"), account_id="careful")
    told = await handled(first, asking)
    again = await fetched(asking, plain("blue"), account_id="careful")
    for ports in (asking, after_a_restart(asking)):
        cached = await handled(again, ports)
        assert (cached.cache_hit, cached.cost_micros, cached.key_hint) == (True, 0, None)
        assert (cached.analysis, cached.provider, cached.model) == (told.analysis, "gemini", "oracle-1")
    assert len(oracle.asked) == 1
    assert not (await handled(await fetched(asking, plain("blue"), account_id="another"), asking)).cache_hit
    assert len(oracle.asked) == 2


async def test_another_analyser_or_another_model_analyses_anew(asking: Ports, oracle: Oracle) -> None:
    for ports, provider in ((asking, "gemini"), (asking, "local")):
        event = await fetched(ports, plain("green"), provider, account_id="curious")
        assert not (await handled(event, ports)).cache_hit
    newer = Oracle()
    newer.model = "oracle-2"
    ports = replace(asking, providers={"gemini": newer})
    assert not (await handled(await fetched(ports, plain("green"), account_id="curious"), ports)).cache_hit
    assert (len(oracle.asked), len(newer.asked)) == (1, 1)


async def test_the_same_image_under_way_many_times_is_asked_for_once(asking: Ports, oracle: Oracle) -> None:
    events = [await fetched(asking, plain("pink"), account_id="hasty") for _ in range(20)]
    told = await asyncio.gather(*(handled(event, asking) for event in events))
    assert len(oracle.asked) == 1
    assert sum(not each.cache_hit for each in told) == 1
    assert sum(each.cost_micros for each in told) == 4_500
    assert {each.analysis.store_name for each in told} == {"Miller"}


async def test_an_event_that_comes_again_tells_the_same_story(asking: Ports, oracle: Oracle) -> None:
    event = await fetched(asking, plain("brown"))
    lost = await on_image_fetched(event, asking)
    again = await handled(event, asking)
    assert len(oracle.asked) == 1
    assert (again.cache_hit, again.cost_micros, again.key_hint) == (False, 4_500, "abcd")
    assert len(lost.record) == 1
    retried = await handled(event.model_copy(update={"run": 2}), asking)
    assert retried.cache_hit


async def test_what_two_found_at_once_is_kept_once(asking: Ports) -> None:
    event = await fetched(asking, plain("grey"), account_id="twice")
    one, other = [await on_image_fetched(event, after_a_restart(asking)) for _ in range(2)]
    for outcome in (one, other):
        await record(outcome, asking)
    async with asking.database.connection() as connection:
        names = await connection.fetch(
            "SELECT analysis ->> 'store_name' AS name FROM analyses WHERE account_id = 'twice'"
        )
    assert [row["name"] for row in names] == ["Miller"]


@pytest.mark.parametrize(
    "failure", [Transient("provider_timeout"), Permanent("provider_rejected"), NotYet("no slot", 9)]
)
async def test_a_providers_failure_is_its_images_and_nothing_is_kept(failure: Exception, asking: Ports) -> None:
    failing = replace(asking, providers={"gemini": Oracle(failure)})
    event = await fetched(failing, plain("black"))
    with pytest.raises(type(failure)):
        await on_image_fetched(event, failing)
    assert not (await handled(event, failing)).cache_hit


async def test_a_provider_without_keys_fails_the_image_with_its_reason(ports: Ports) -> None:
    problem = await problem_of(ports, plain("red"), "google_vision")
    assert isinstance(problem, Permanent)
    assert problem.problem == "provider_not_configured"


async def test_images_beyond_the_places_for_analyses_come_again(asking: Ports) -> None:
    crowded = replace(asking, crowd=Crowd(2))
    events = [await fetched(crowded, plain("gold"), seq=number) for number in range(5)]
    outcomes = await asyncio.gather(*(handled(event, crowded) for event in events), return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["ImageAnalyzed"] * 2 + ["NotYet"] * 3
    assert (await handled(events[4], crowded)).analysis.store_name == "Miller"


async def test_params_that_nobody_knows_fail_the_image(ports: Ports) -> None:
    recipe = Recipe(operation="analyze", provider="local", params={"tongue": "en"})
    with pytest.raises(Permanent, match="recipe_invalid"):
        await on_image_fetched(await fetched(ports, plain("red"), recipe=recipe), ports)


async def test_a_picture_that_does_not_decode_fails_before_anybody_is_paid(asking: Ports, oracle: Oracle) -> None:
    problem = await problem_of(asking, file_of(shop_front())[:9_000])
    assert problem.problem == "truncated"
    assert not oracle.asked


async def test_a_reader_that_crashes_fails_one_image_and_no_other(ports: Ports, sign: bytes) -> None:
    await handled(await fetched(ports, plain("white"), "local"), ports)
    (pid,) = ports.readers.pids
    os.kill(pid, signal.SIGSTOP)
    crashing = asyncio.create_task(problem_of(ports, sign, "local"))
    waiting = asyncio.create_task(handled(await fetched(ports, plain("teal"), "local"), ports))
    await eventually(lambda: assert_busy(ports))
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)
    problem = await crashing
    assert isinstance(problem, Permanent)
    assert problem.problem == "decode_failed"
    assert (await waiting).analysis.image_description
    assert pid not in ports.readers.pids


def assert_busy(ports: Ports) -> None:
    """The only reader is at an image: a stopped process shows it nowhere else."""
    assert ports.readers._free.empty()


@pytest.mark.parametrize("state", ["paused", "cancelled"])
@pytest.mark.parametrize("provider", ["local", "gemini"])
async def test_an_image_whose_job_is_stopped_while_it_waits_is_not_analysed(
    state: str, provider: str, asking: Ports, oracle: Oracle
) -> None:
    event = await fetched(asking, plain("olive"), provider)
    fresh = asyncio.create_task(asking.gate.keep_fresh(asking.database))
    async with asking.turns, asking.blobs.local(event.blob.digest):
        waiting = asyncio.create_task(analyzing.find(event, asking))
        if provider == "gemini":
            (worker,) = asking.sandbox.pids
            os.kill(worker, signal.SIGSTOP)
        await record(
            Outcome(record=[Control(event.job_id, state, 1, ALL_RUNS if state == gate.CANCELLED else 0)]), asking
        )
        await eventually(lambda: assert_stopped(event, asking))
        if provider == "gemini":
            os.kill(worker, signal.SIGCONT)
    with pytest.raises((NotYet, Permanent), match=state):
        await waiting
    fresh.cancel()
    assert not oracle.asked


def assert_stopped(event: ImageFetched, ports: Ports) -> None:
    try:
        ports.gate.admit(event)
    except (NotYet, Permanent):
        return
    raise AssertionError("The gate still lets the image pass.")


async def test_a_reader_that_hangs_fails_one_image_in_time(postgres_url: str, tmp_path: Path, sign: bytes) -> None:
    async with opened_ports(postgres_url, tmp_path, analyze_seconds_max=0.05) as ports:
        problem = await problem_of(ports, sign, "local")
        assert isinstance(problem, Permanent)
        assert problem.problem == "decode_timeout"


async def test_readers_start_when_they_are_needed(postgres_url: str, tmp_path: Path) -> None:
    async with opened_ports(postgres_url, tmp_path, analyze_workers=3) as ports:
        assert ports.readers.pids == []
        await handled(await fetched(ports, plain("white"), "local"), ports)
        await handled(await fetched(ports, plain("red"), "local"), ports)
        assert len(ports.readers.pids) == 1


async def test_every_end_is_timed(ports: Ports) -> None:
    before = datetime.now(UTC)
    copied = await on_image_fetched(await fetched(ports, plain("red"), recipe=Recipe(operation="copy")), ports)
    failed = gave_up(await fetched(ports, plain("red")), Permanent("truncated"), 1)
    assert failed is not None
    for event in (*copied.emit, *failed.emit):
        assert isinstance(event, ImageEnhanced | ImageFailed)
        assert event.ended_at is not None
        assert before <= event.ended_at <= datetime.now(UTC)
