"""Looking at batches costs the same however many there are, and however large they are."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import pytest_asyncio

from services.gateway.store import batches, chunks, results
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import new_id
from shared.outcome import Connection
from tests.batch_results import GATEWAY_MIGRATIONS
from tests.plans import Explained

ACCOUNT = "acme"
BATCHES, RESULTS, CHUNKS = 5_000, 20_000, 500

MANY_BATCHES = """
WITH made AS (
    INSERT INTO jobs (job_id, account_id, kind, state, recipe, file_name, traceparent, images_total, items_total,
                      images_succeeded)
    SELECT gen_random_uuid(), account_id, 'batch', 'completed', '{"operation": "copy", "provider": "local"}', 'a.csv',
           '', 1, 1, 1
    FROM generate_series(1, $1), unnest(ARRAY['acme', 'other']) AS account_id
    RETURNING job_id, account_id
)
INSERT INTO batches (job_id, account_id, name, chunk_size, chunks_total, created_at)
SELECT job_id, account_id, 'Shops', 2000, 1, now() - random() * interval '300 days' FROM made
"""
ONE_LARGE_BATCH = """
WITH made AS (
    INSERT INTO jobs (job_id, account_id, kind, state, recipe, file_name, traceparent, images_total, items_total)
    SELECT job_id, 'acme', 'batch', 'open', '{"operation": "copy", "provider": "local"}', 'a.csv', '', 1000000, 1000000
    FROM unnest($1::uuid[]) AS job_id
    RETURNING job_id
)
INSERT INTO batches (job_id, account_id, name, chunk_size, chunks_total)
SELECT job_id, 'acme', 'Shops', 2000, 500 FROM made
"""
MANY_RESULTS = """
INSERT INTO results (image_id, job_id, account_id, seq, run, url, success, problem, created_at)
SELECT gen_random_uuid(), job_id, 'acme', seq, 1, 'http://x.example/', seq % 2 = 0,
       CASE WHEN seq % 2 = 1 THEN 'http_404' END, now() - seq * interval '1 second'
FROM unnest($1::uuid[]) AS job_id, generate_series(1, $2) AS seq
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """The gateway's tables."""
    opened = await Database.open(postgres_url, "gateway")
    await migrate(opened, MIGRATIONS / "messaging", GATEWAY_MIGRATIONS)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def large(database: Database) -> UUID:
    """A large batch among many others, some of them another account's."""
    job_id, other = new_id(), new_id()
    async with database.transaction() as connection:
        await connection.execute(MANY_BATCHES, BATCHES)
        await connection.execute(ONE_LARGE_BATCH, [job_id, other])
        await connection.execute(MANY_RESULTS, [job_id, other], RESULTS)
        for each in (job_id, other):
            await chunks.insert_chunks(connection, each, 1_000_000, 2000)
            await batches.add_problems(connection, {(each, f"http_{number}"): number for number in range(400, 450)})
    async with database.connection() as connection:
        await connection.execute("ANALYZE")
    return job_id


async def test_a_page_of_batches_is_read_off_an_index(database: Database, large: UUID) -> None:
    async with database.connection() as connection:
        explained = Explained(connection)
        seen = cast(Connection, explained)
        newest = await batches.list_batches(seen, ACCOUNT, None, False, 51, 0)
        await batches.list_batches(seen, ACCOUNT, "completed", False, 101, 0)
    assert large in {row["job_id"] for row in newest[:2]}
    assert explained.most_rows_read() <= 250, "\n\n".join(explained.plans)


async def test_a_batch_is_looked_at_without_a_look_at_its_images(database: Database, large: UUID) -> None:
    async with database.connection() as connection:
        explained = Explained(connection)
        seen = cast(Connection, explained)
        assert await batches.find_batch(seen, ACCOUNT, large)
        counted = await batches.count_chunks(seen, large)
        problems = await batches.list_problems(seen, large)
        recent = await results.list_recent(seen, large, 10)
        failures = await results.list_recent_failures(seen, large, 5)
    assert counted == {"total": CHUNKS, "completed": 0, "failed": 0, "processing": 0, "pending": CHUNKS}
    assert list(problems.items())[:2] == [("http_449", 449), ("http_448", 448)]
    assert [len(recent), len(failures)] == [10, 5]
    assert explained.most_rows_read() <= CHUNKS, "\n\n".join(explained.plans)


async def test_chunks_are_counted_by_how_far_they_are(database: Database) -> None:
    job_id = new_id()
    facts: list[dict[str, Any]] = [
        {},
        {"started_at": True},
        {"started_at": True, "completed_at": True},
        {"completed_at": True, "images_cancelled": 1},
        {"images_cancelled": 1},
    ]
    async with database.transaction() as connection:
        await chunks.insert_chunks(connection, job_id, 10, 2)
        for number, fact in enumerate(facts, start=1):
            await connection.execute(
                """
                UPDATE chunks SET started_at = CASE WHEN $3 THEN now() END, completed_at = CASE WHEN $4 THEN now() END,
                                  images_cancelled = $5
                WHERE job_id = $1 AND number = $2
                """,
                job_id,
                number,
                "started_at" in fact,
                "completed_at" in fact,
                fact.get("images_cancelled", 0),
            )
        counted = await batches.count_chunks(connection, job_id)
        listed = await chunks.list_chunks(connection, job_id)
    assert counted == {"total": 5, "completed": 1, "failed": 1, "processing": 1, "pending": 2}
    statuses = [row["status"] for row in listed]
    assert {status: statuses.count(status) for status in set(statuses)} == {
        status: number for status, number in counted.items() if status != "total"
    }


async def test_hidden_and_deleted_batches_are_not_listed(database: Database) -> None:
    ids = [new_id() for _ in range(3)]
    async with database.transaction() as connection:
        await connection.execute(ONE_LARGE_BATCH.replace("'acme'", "'shy'"), ids)
        await connection.execute("UPDATE batches SET hidden_at = now() WHERE job_id = $1", ids[0])
        await connection.execute("UPDATE batches SET deleted_at = now() WHERE job_id = $1", ids[1])
        shown = await batches.list_batches(connection, "shy", None, False, 10, 0)
        with_hidden = await batches.list_batches(connection, "shy", None, True, 10, 0)
        cancelled = await batches.list_batches(connection, "shy", "cancelled", True, 10, 0)
    assert [row["job_id"] for row in shown] == [ids[2]]
    assert {row["job_id"] for row in with_hidden} == {ids[0], ids[2]}
    assert [row["job_id"] for row in cancelled] == [ids[0]]
