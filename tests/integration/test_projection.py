"""The projection on its own tables: what a declined retry leaves."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from services.gateway import projection
from services.gateway.store import images, jobs
from services.gateway.store.balances import TokensDecided
from services.gateway.store.images import ImageEnded
from services.gateway.store.jobs import NewJob
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import new_id, new_traceparent
from shared.events import JobCompleted
from shared.facts import Recipe
from shared.outcome import Connection

GATEWAY_MIGRATIONS = Path(projection.__file__).parent / "migrations"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """The gateway's tables."""
    opened = await Database.open(postgres_url, "gateway")
    await migrate(opened, MIGRATIONS / "messaging", GATEWAY_MIGRATIONS)
    yield opened
    await opened.close()


async def submitted(connection: Connection, image_ids: list[UUID]) -> UUID:
    """A job with a price of one item per image, its tokens held, all of its images let in."""
    job_id = new_id()
    rows = "".join(
        f"{image_id}\t{job_id}\t{seq}\t{seq + 1}\t{seq + 1}\tLamp\t0\t1\thttp://shop.example/{seq}.jpg\t\\N\n"
        for seq, image_id in enumerate(image_ids)
    )

    async def copied() -> AsyncIterator[bytes]:
        yield rows.encode()

    await images.copy_images(connection, copied())
    recipe, count = Recipe(operation="copy"), len(image_ids)
    new = NewJob(job_id, "local", "products", recipe, 2, None, None, "a.csv", new_traceparent(), count, count)
    await jobs.insert_job(connection, new)
    assert await projection.record_tokens(connection, [TokensDecided(job_id, 1, held=True)]) == []
    await jobs.advance(connection, job_id, count, count)
    return job_id


async def test_a_declined_retry_leaves_the_job_as_it_was(database: Database) -> None:
    good, bad = new_id(), new_id()
    async with database.transaction() as connection:
        job_id = await submitted(connection, [good, bad])
        ends = [
            ImageEnded(job_id, good, 1, "succeeded", digest="a" * 64, format="jpeg"),
            ImageEnded(job_id, bad, 1, "failed", problem="http_404", detail="The host answered 404.", attempts=1),
        ]
        (first,) = await projection.record_images(connection, ends)
        again = await images.restart_failed(connection, job_id, 2)
        waiting = await jobs.restart(connection, job_id, again["images"], again["items"])
        (second,) = await projection.record_tokens(connection, [TokensDecided(job_id, 2, held=False)])
        job = await jobs.find_job(connection, "local", job_id)
        page = await images.list_page(connection, job_id, 0, 10)
    assert waiting["state"] == "awaiting_tokens"
    assert isinstance(first, JobCompleted)
    assert isinstance(second, JobCompleted)
    assert job is not None
    assert (job["state"], job["problem"], job["images_failed"], job["items_ended"]) == (
        "completed", "tokens_declined", 1, 2,
    )  # fmt: skip
    assert second.model_copy(update={"run": 1, "completed_at": first.completed_at}) == first
    assert [(row["state"], row["problem"]) for row in page] == [("succeeded", None), ("failed", "http_404")]


@pytest.mark.parametrize("held", [True, False])
async def test_what_the_ledger_decided_counts_once(database: Database, held: bool) -> None:
    async with database.transaction() as connection:
        job_id = await submitted(connection, [new_id()])
        before = await jobs.find_job(connection, "local", job_id)
        assert await projection.record_tokens(connection, [TokensDecided(job_id, 1, held=held)] * 2) == []
        after = await jobs.find_job(connection, "local", job_id)
    assert before is not None
    assert after is not None
    assert before["state"] == after["state"] == "open"
