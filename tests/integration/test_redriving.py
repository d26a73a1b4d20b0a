"""Dead letters of a real loop go back where they failed, and have their effect once, whatever happens on the way."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import aio_pika
import pytest
import pytest_asyncio

from shared.bus import Bus, Closed
from shared.db import MIGRATIONS, Database, migrate
from shared.dead_letters import PUT_BACK_MAX, DeadLetter
from shared.events import JobSubmitted
from shared.publishing import Publication
from shared.redriving import TAKEN_AT_ONCE, Redriven, Verdict, look, redrive
from shared.topology import Subscription
from tests.eventually import eventually
from tests.small_service import EFFECTS, HEARD, Trouble, effects, paused, running

BACK = Verdict("back")
MANY = 250


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """The tables that every service has, and one for effects."""
    opened = await Database.open(postgres_url, "fetcher")
    await migrate(opened, MIGRATIONS / "messaging")
    async with opened.connection() as connection:
        await connection.execute(EFFECTS)
    yield opened
    await opened.close()


@pytest.fixture
def trouble() -> Trouble:
    """Everything fails until a test says otherwise."""
    return Trouble(everything="no_luck")


@pytest.fixture
async def bus(amqp_url: str, database: Database, trouble: Trouble) -> AsyncIterator[Bus]:
    """The service runs, and neither letters of other tests nor dead ones are there."""
    await purge(amqp_url, HEARD)
    async with running(amqp_url, database, trouble) as opened:
        yield opened
    await purge(amqp_url, HEARD)


async def purge(amqp_url: str, heard: Subscription) -> None:
    """Empty a queue and that of its dead letters."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for name, arguments in ((heard.queue, heard.arguments), (heard.dead_queue, heard.dead_arguments)):
            await (await channel.declare_queue(name, durable=True, arguments=dict(arguments))).purge()


async def lying(bus: Bus) -> int:
    """How many dead letters there are."""
    return (await bus.depths())[HEARD.dead_queue].ready


async def until_dead(bus: Bus, count: int) -> None:
    """Wait until so many dead letters are there."""

    async def dead() -> None:
        assert await lying(bus) == count

    await eventually(dead, 20)


async def until_had_effect(database: Database, jobs: Sequence[UUID]) -> None:
    """Wait until each of these had its effect; once."""

    async def had() -> None:
        counted = Counter(await effects(database))
        assert {job: counted[job] for job in jobs} == dict.fromkeys(jobs, 1)

    await eventually(had, 20)


async def dead_jobs(bus: Bus, count: int) -> list[UUID]:
    """The jobs of so many new dead letters, in the order in which they lie there."""
    for start in range(0, count, 50):
        await bus.publish([Publication(paused()[1], HEARD.queue) for _ in range(start, min(start + 50, count))])
    await until_dead(bus, count)
    return [UUID(letter.job_id) for letter in await look(bus, [HEARD], count)]


async def all_back(letters: Sequence[DeadLetter]) -> list[Verdict]:
    """Every letter may go back."""
    return [BACK] * len(letters)


async def redriven(bus: Bus, problem: str | None = None, letters_max: int = 10_000) -> Redriven:
    """Put letters back without asking anybody."""
    return await redrive(bus, [HEARD], all_back, problem=problem, letters_max=letters_max)


async def test_a_dead_letter_is_handled_when_it_is_put_back(bus: Bus, database: Database, trouble: Trouble) -> None:
    jobs = await dead_jobs(bus, 3)
    trouble.everything = ""
    tally = await redriven(bus)
    assert (tally.by_queue, tally.skipped, tally.remaining) == ({HEARD.queue: 3}, {}, 0)
    await until_had_effect(database, jobs)
    await until_dead(bus, 0)


async def test_a_letter_says_what_it_is_and_why_it_died(bus: Bus, trouble: Trouble) -> None:
    job, enclosed = paused()
    await bus.publish([Publication(enclosed, HEARD.queue)])
    await until_dead(bus, 1)
    (letter,) = await look(bus, [HEARD], 5)
    assert (letter.event_id, letter.job_id, letter.problem) == (str(enclosed.event_id), str(job), "no_luck")
    assert (letter.attempts, letter.told, letter.reason) == (1, False, "no_luck: as the test wants it")
    assert letter.died_at is not None


async def test_a_letter_that_lies_in_both_places_has_its_effect_once(
    bus: Bus, database: Database, trouble: Trouble
) -> None:
    """As a redrive leaves it that is killed between publishing and acknowledging."""
    jobs = await dead_jobs(bus, 2)
    trouble.everything = ""
    copies = [letter.publication for letter in await look(bus, [HEARD], 2)]
    assert await bus.publish([*copies, *copies]) == [None] * 4
    await until_had_effect(database, jobs)
    assert (await redriven(bus)).by_queue == {HEARD.queue: 2}
    await until_empty(bus)
    await until_had_effect(database, jobs)


async def until_empty(bus: Bus) -> None:
    """Wait until nothing is left to be handled."""

    async def empty() -> None:
        depths = await bus.depths()
        assert (depths[HEARD.queue].ready, depths[HEARD.dead_queue].ready) == (0, 0)

    await eventually(empty, 20)


async def test_a_letter_that_fails_again_dies_again_and_the_redrive_ends(
    bus: Bus, database: Database, trouble: Trouble
) -> None:
    jobs = await dead_jobs(bus, 120)
    for _ in range(3):
        tally = await redriven(bus)
        assert tally.by_queue.total() == 120
        await until_dead(bus, 120)
    trouble.everything = ""
    await redriven(bus)
    await until_had_effect(database, jobs)
    await until_empty(bus)


async def test_only_letters_of_the_named_problem_go_back_and_the_others_keep_their_order(
    bus: Bus, database: Database, trouble: Trouble
) -> None:
    sent = [paused() for _ in range(MANY)]
    trouble.jobs = {job: ("http_404", "disk_full", "no_room")[number % 3] for number, (job, _) in enumerate(sent)}
    await bus.publish([Publication(enclosed, HEARD.queue) for _, enclosed in sent])
    await until_dead(bus, MANY)
    before = await look(bus, [HEARD], MANY)
    wanted = [UUID(letter.job_id) for letter in before if letter.problem == "disk_full"]
    assert {letter.problem for letter in before} == {"http_404", "disk_full", "no_room"}
    trouble.jobs = {job: why for job, why in trouble.jobs.items() if job not in wanted}
    trouble.everything = ""
    tally = await redriven(bus, "disk_full")
    assert (tally.by_queue.total(), tally.skipped, tally.remaining) == (len(wanted), {}, MANY - len(wanted))
    await until_had_effect(database, wanted)
    await until_dead(bus, MANY - len(wanted))
    after = await look(bus, [HEARD], MANY)
    assert [letter.event_id for letter in after] == [
        letter.event_id for letter in before if letter.problem != "disk_full"
    ]


async def test_no_more_go_back_than_are_asked_for(bus: Bus, database: Database, trouble: Trouble) -> None:
    jobs = await dead_jobs(bus, 7)
    trouble.everything = ""
    tally = await redriven(bus, letters_max=3)
    assert (tally.by_queue, tally.remaining) == ({HEARD.queue: 3}, 4)
    await until_had_effect(database, jobs[:3])
    await until_dead(bus, 4)


async def test_who_judges_says_what_stays_and_what_is_settled(bus: Bus, trouble: Trouble) -> None:
    trouble.tells = True
    trouble.everything = "defect"
    await dead_jobs(bus, 3)

    async def judge(letters: Sequence[DeadLetter]) -> list[Verdict]:
        assert all(letter.told for letter in letters)
        return [Verdict("stays", "not now"), Verdict("settled", "long done"), Verdict("stays", "not now")]

    tally = await redrive(bus, [HEARD], judge, problem=None, letters_max=10)
    assert (tally.by_queue, tally.settled, tally.skipped) == ({}, {"long done": 1}, {"not now": 2})
    await until_dead(bus, 2)


async def test_a_failure_that_was_said_leaves_one_letter_however_often_the_event_comes(
    bus: Bus, trouble: Trouble
) -> None:
    trouble.tells, trouble.everything = True, "defect"
    _, enclosed = paused()
    for _ in range(3):
        await bus.publish([Publication(enclosed, HEARD.queue)])
        await until_dead(bus, 1)
    assert [letter.told for letter in await look(bus, [HEARD], 5)] == [True]


async def test_an_event_that_had_its_effect_leaves_no_dead_letter_when_it_comes_again(
    bus: Bus, database: Database, trouble: Trouble
) -> None:
    job, enclosed = paused()
    trouble.everything = ""
    await bus.publish([Publication(enclosed, HEARD.queue)])
    await until_had_effect(database, [job])
    trouble.everything = "no_luck"
    await bus.publish([Publication(enclosed, HEARD.queue)])
    assert job not in await dead_jobs(bus, 1)  # the one came after the repeat, and is the only one


async def test_looking_changes_nothing_however_often(bus: Bus, trouble: Trouble) -> None:
    jobs = await dead_jobs(bus, 4)
    for _ in range(2 * PUT_BACK_MAX + 5):
        letters = await look(bus, [HEARD], 4)
        assert sorted(str(letter.job_id) for letter in letters) == sorted(map(str, jobs))
        assert {(letter.problem, letter.attempts) for letter in letters} == {("no_luck", 1)}
        await until_dead(bus, 4)


async def test_what_is_no_event_can_be_put_back_and_is_parked_again(bus: Bus, amqp_url: str, trouble: Trouble) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        headers = {"event_id": 7, "attempt": "x", "reason": [1], "told": "yes", "x-death": "never"}
        for body in (b"", b"\xff\xfe", b"{}"):
            for routing_key in (HEARD.queue, HEARD.dead_queue):
                await channel.default_exchange.publish(aio_pika.Message(body, headers=headers), routing_key)  # type: ignore[arg-type]
    await until_dead(bus, 6)
    assert Counter(letter.problem for letter in await look(bus, [HEARD], 10)) == {"unreadable": 3, "unknown": 3}
    assert (await redriven(bus)).by_queue.total() == 6
    await until_dead(bus, 6)
    assert {letter.problem for letter in await look(bus, [HEARD], 10)} == {"unreadable"}


async def test_a_redrive_that_is_cut_off_loses_nothing_and_does_nothing_twice(
    bus: Bus, database: Database, trouble: Trouble
) -> None:
    jobs = await dead_jobs(bus, 3 * TAKEN_AT_ONCE)
    trouble.everything = ""
    judged = 0

    async def judge_and_cut(letters: Sequence[DeadLetter]) -> list[Verdict]:
        nonlocal judged
        judged += len(letters)
        if judged == 2 * TAKEN_AT_ONCE:
            await bus.publish([letter.publication for letter in letters])  # then it is killed
            await bus.close()
        return [BACK] * len(letters)

    with pytest.raises(Closed):
        await redrive(bus, [HEARD], judge_and_cut, problem=None, letters_max=len(jobs))
    await eventually(lambda: until_none_is_left(bus), 20)
    await until_had_effect(database, jobs)
    await until_empty(bus)
    await until_had_effect(database, jobs)


async def until_none_is_left(bus: Bus) -> None:
    """Redrive as soon as there is a connection again; the broker gives back what was held on the old one by and by."""
    try:
        await redriven(bus)
        assert await lying(bus) == 0
    except Closed as error:
        raise AssertionError("not connected yet") from error


async def test_what_the_broker_itself_gave_up_goes_back_too(bus: Bus, amqp_url: str) -> None:
    unheard, enclosed = Subscription("ledger", JobSubmitted), paused()[1]
    await purge(amqp_url, unheard)
    await bus.publish([Publication(enclosed, unheard.queue)])
    async with await aio_pika.connect(amqp_url) as connection:
        queue = await (await connection.channel()).get_queue(unheard.queue)
        await (await queue.get(timeout=5)).reject(requeue=False)

        async def died() -> None:
            assert (await bus.depths())[unheard.dead_queue].ready == 1

        await eventually(died, 20)
        (letter,) = await look(bus, [unheard], 5)
        said = (letter.problem, letter.told, letter.event_id, letter.died_at is not None)
        assert said == ("rejected", False, str(enclosed.event_id), True)
        tally = await redrive(bus, [unheard], all_back, problem="rejected", letters_max=5)
        assert tally.by_queue == {unheard.queue: 1}
        back = await queue.get(timeout=5)
        assert (back.body, back.headers["event_id"]) == (enclosed.body, str(enclosed.event_id))
        await back.ack()
