"""A recorded job's events, in any order and any number: the projection ends the same."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest_asyncio
from hypothesis import HealthCheck, given, settings, strategies as st

import services.gateway
from deploy.local.stack import Stack
from services.gateway.handlers import HANDLERS
from services.gateway.projection import RECORDERS
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import read
from shared.events import Event, JobCompleted
from shared.topology import CONSUMERS
from tests.builders import Hooks, Site, product_csv, run
from tests.chaos.tape import recording
from tests.invariants import ask, assert_consistent

HEARD_BY_GATEWAY = {event.type for event in CONSUMERS["gateway"]}
BATCH_EVENTS_MAX = 12

AS_SUBMITTED = """
    UPDATE jobs
    SET state = 'open', next_seq = images_total, in_flight = images_total, images_succeeded = 0, images_failed = 0,
        images_cancelled = 0, items_ended = 0, source_bytes = 0, rendition_bytes = 0, completed_at = NULL;
    UPDATE images
    SET state = 'pending', digest = NULL, format = NULL, width = NULL, height = NULL, source_bytes = NULL,
        rendition_bytes = NULL, cache_hit = NULL, problem = NULL, detail = NULL, attempts = 0, fetch_seconds = NULL,
        enhance_seconds = NULL, ended_at = NULL;
    TRUNCATE balances, transactions, deliveries, delivery_attempts;
"""

ROWS = (
    "SELECT to_jsonb(jobs) - '{created_at,updated_at,completed_at}'::text[] AS row FROM jobs",
    "SELECT to_jsonb(images) - 'ended_at' AS row FROM images ORDER BY seq",
    "SELECT to_jsonb(balances) AS row FROM balances ORDER BY account_id",
    "SELECT to_jsonb(transactions) - 'created_at' AS row FROM transactions ORDER BY account_id, version, line",
    "SELECT to_jsonb(deliveries) - 'created_at' AS row FROM deliveries ORDER BY delivery_id",
    "SELECT to_jsonb(delivery_attempts) AS row FROM delivery_attempts ORDER BY delivery_id, attempt",
)


@dataclass(frozen=True)
class Recorded:
    """What the gateway heard of one job, in the order of its publication, and a schema with the job as submitted."""

    events: Sequence[Event]
    database: Database

    async def replay(self, events: Sequence[Event], chance: random.Random) -> tuple[list[list[Any]], list[Event]]:
        """Record events in batches of any size from the start; all rows in the end, and what was emitted."""
        emitted: list[Event] = []
        async with self.database.transaction() as connection:
            await connection.execute(AS_SUBMITTED)
        left = list(events)
        while left:
            size = chance.randint(1, BATCH_EVENTS_MAX)
            batch, left = left[:size], left[size:]
            outcomes = [await HANDLERS[type(event)](event, None) for event in batch]
            rows = [row for outcome in outcomes for row in outcome.record]
            async with self.database.transaction() as connection:
                for kind, record in RECORDERS.items():
                    if found := [row for row in rows if type(row) is kind]:
                        emitted += await record(connection, found)
        async with self.database.connection() as connection:
            return [[row["row"] for row in await connection.fetch(sql)] for sql in ROWS], emitted


async def copy_rows(source_url: str, job_id: str, database: Database) -> None:
    """Bring a job and its images into another gateway's schema."""
    for table in ("jobs", "images"):
        rows = await ask(source_url, f"SELECT to_jsonb({table})::text AS row FROM {table} WHERE job_id = '{job_id}'")
        async with database.transaction() as connection:
            await connection.executemany(
                f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, $1::jsonb)",
                [(row["row"],) for row in rows],
            )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recorded(
    priced_stack: Stack, priced_client: httpx.AsyncClient, site: Site, receiver: str, postgres_url: str
) -> AsyncIterator[Recorded]:
    """A job with products of several sizes, failures, a price, and a webhook that is refused once."""
    hooks = Hooks(receiver, "/hook/replay")
    missing = [f"{site.url}/missing.jpg?replay={number}" for number in range(4)]
    products = [site.photos(4), [*site.photos(2), missing[0]], missing[1:], *[[url] for url in site.photos(8)]]
    async with recording(priced_stack.urls.amqp) as tape:
        job_id = await run(priced_client, product_csv(products), webhook_url=hooks.target(fail=1, status=500))
        await hooks.until_received(2)
        await assert_consistent(priced_stack.urls)
        events = [
            envelope.data
            for event_type, body in tape.events
            if event_type in HEARD_BY_GATEWAY and (envelope := read(body, event_type)).subject == job_id
        ]
    database = await Database.open(postgres_url, "gateway", connections_max=2)
    await migrate(database, MIGRATIONS / "messaging", Path(services.gateway.__file__).parent / "migrations")
    await copy_rows(priced_stack.urls.postgres["gateway"], job_id, database)
    yield Recorded(events, database)
    await database.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), repeats=st.integers(0, 30))
async def test_any_order_and_any_repetition_gives_the_same_rows(
    recorded: Recorded, chance: random.Random, repeats: int
) -> None:
    expected, _ = await recorded.replay(recorded.events, random.Random(0))
    shuffled = [*recorded.events, *chance.choices(recorded.events, k=repeats)]
    chance.shuffle(shuffled)
    found, emitted = await recorded.replay(shuffled, chance)
    assert found == expected
    assert [type(event) for event in emitted] == [JobCompleted]


async def test_the_replay_is_what_really_happened(recorded: Recorded, priced_stack: Stack) -> None:
    (job, *_), images, *_ = (await recorded.replay(recorded.events, random.Random(1)))[0]
    connection = await asyncpg.connect(priced_stack.urls.postgres["gateway"])
    try:
        job_id = str(recorded.events[0].job_id)  # type: ignore[attr-defined]
        real = [
            [
                row["row"]
                for row in await connection.fetch(
                    sql.replace(" FROM images", f" FROM images WHERE job_id = '{job_id}'").replace(
                        "FROM jobs", f"FROM jobs WHERE job_id = '{job_id}'"
                    )
                )
            ]
            for sql in ROWS[:2]
        ]
    finally:
        await connection.close()
    assert [[job], images] == real
