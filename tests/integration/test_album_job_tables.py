"""Jobs over uploads in the tables: what counts as enhanced, what the ledger's word leaves, what a key stands for."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from services.gateway import idempotency, projection
from services.gateway.idempotency import Answered, Bound, Claim, Keyed, KeyReused
from services.gateway.store import album_jobs, images, jobs, uploads
from services.gateway.store.balances import TokensDecided
from services.gateway.store.images import ImageEnded
from services.gateway.store.jobs import NewJob, Progress
from services.gateway.store.uploads import NewUpload
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import new_id, new_traceparent
from shared.facts import Recipe
from shared.outcome import Connection

GATEWAY_MIGRATIONS = Path(projection.__file__).parent / "migrations"
ACCOUNT = "acme"
DIGEST = "ab" * 32


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """The gateway's tables."""
    opened = await Database.open(postgres_url, "gateway")
    await migrate(opened, MIGRATIONS / "messaging", GATEWAY_MIGRATIONS)
    yield opened
    await opened.close()


async def uploaded(connection: Connection, number: int) -> list[UUID]:
    """So many uploads."""
    new = [NewUpload(new_id(), ACCOUNT, "a.jpg", DIGEST, "jpeg", 3, 2, 9) for _ in range(number)]
    await uploads.insert_uploads(connection, new)
    return [upload.upload_id for upload in new]


async def submitted(
    connection: Connection, upload_ids: list[UUID], *, tier: str = "TIER_1K", reference: str | None = None
) -> tuple[UUID, list[UUID]]:
    """A job over uploads that waits for its tokens; its id and those of its images."""
    job_id, image_ids = new_id(), [new_id() for _ in upload_ids]
    rows = "".join(f"{each}\t{job_id}\t{seq}\t{seq}\t\t\t0\t1\thttp://x/\t\\N\n" for seq, each in enumerate(image_ids))

    async def copied() -> AsyncIterator[bytes]:
        yield rows.encode()

    await images.copy_images(connection, copied())
    await images.attach_uploads(connection, job_id, upload_ids)
    count = len(image_ids)
    new = NewJob(
        job_id,
        ACCOUNT,
        "album",
        Recipe(operation="copy"),
        2,
        None,
        None,
        "",
        new_traceparent(),
        count,
        count,
        reference=reference,
        tier=tier,
        in_flight_max=1,
        door_facts='{"skipped": 0}',
    )
    assert await jobs.insert_job(connection, new)
    return job_id, image_ids


def ended(job_id: UUID, image_id: UUID, state: str) -> ImageEnded:
    """An image that has ended so."""
    blob = {"digest": DIGEST, "format": "jpeg"} if state == "succeeded" else {"problem": "truncated"}
    return ImageEnded(job_id, image_id, 1, state, **blob)  # type: ignore[arg-type]


async def opened(connection: Connection, upload_ids: list[UUID], let_in: int, **facts: str) -> tuple[UUID, list[UUID]]:
    """A job whose tokens are held and whose first images are let in."""
    job_id, image_ids = await submitted(connection, upload_ids, **facts)  # type: ignore[arg-type]
    await projection.record_tokens(connection, [TokensDecided(job_id, 1, held=True, available=7)])
    await jobs.advance(connection, job_id, let_in, let_in)
    return job_id, image_ids


async def seen(connection: Connection, upload_ids: list[UUID]) -> list[object]:
    """What is known of uploads at TIER_1K, in order: the image by which they run, True: enhanced, None: nothing."""
    found = {
        row["upload_id"]: row["running_id"] for row in await album_jobs.list_enhanced(connection, upload_ids, "TIER_1K")
    }
    return [(found[upload_id] or True) if upload_id in found else None for upload_id in upload_ids]


async def test_an_upload_runs_from_the_moment_it_is_accepted_until_it_has_ended(database: Database) -> None:
    async with database.transaction() as connection:
        upload_ids = await uploaded(connection, 3)
        job_id, image_ids = await submitted(connection, upload_ids)
        assert await seen(connection, upload_ids) == image_ids
        await projection.record_tokens(connection, [TokensDecided(job_id, 1, held=True)])
        await jobs.advance(connection, job_id, 1, 1)
        assert await seen(connection, upload_ids) == image_ids
        await projection.record_images(connection, [ended(job_id, image_ids[0], "succeeded")])
        await jobs.advance(connection, job_id, 2, 1)
        await projection.record_images(connection, [ended(job_id, image_ids[1], "failed")])
        assert await seen(connection, upload_ids) == [True, None, image_ids[2]]
        assert await album_jobs.list_enhanced(connection, upload_ids, "TIER_2K") == []


async def test_what_is_stopped_before_its_turn_does_not_run(database: Database) -> None:
    async with database.transaction() as connection:
        upload_ids = await uploaded(connection, 2)
        job_id, image_ids = await opened(connection, upload_ids, let_in=1)
        assert await jobs.mark_cancelling(connection, job_id)
        assert await seen(connection, upload_ids) == [image_ids[0], None]


async def test_what_could_not_be_paid_does_not_run(database: Database) -> None:
    async with database.transaction() as connection:
        upload_ids = await uploaded(connection, 1)
        job_id, _ = await submitted(connection, upload_ids)
        await projection.record_tokens(connection, [TokensDecided(job_id, 1, held=False, available=1)])
        assert await seen(connection, upload_ids) == [None]
        asked = await album_jobs.find_asked(connection, job_id)
        assert (asked["problem"], asked["door_facts"]) == ("tokens_declined", '{"skipped": 0, "available": 1}')
        assert await album_jobs.list_named(connection, ACCOUNT, [job_id], []) == []


async def test_what_was_deleted_counts_as_not_enhanced_and_only_what_has_ended_can_be(database: Database) -> None:
    async with database.transaction() as connection:
        upload_ids = await uploaded(connection, 2)
        job_id, image_ids = await opened(connection, upload_ids, let_in=2)
        await projection.record_images(connection, [ended(job_id, image_ids[0], "succeeded")])
        assert await album_jobs.hide_images(connection, image_ids) == 1
        assert await album_jobs.hide_images(connection, image_ids) == 0
        assert await seen(connection, upload_ids) == [None, image_ids[1]]


async def test_what_is_available_after_the_hold_is_kept_once(database: Database) -> None:
    async with database.transaction() as connection:
        job_id, _ = await opened(connection, await uploaded(connection, 1), let_in=0)
        await projection.record_tokens(connection, [TokensDecided(job_id, 1, held=True, available=99)])
        asked = await album_jobs.find_asked(connection, job_id)
        assert (asked["state"], asked["door_facts"]) == ("open", '{"skipped": 0, "new_balance": 7}')


async def test_a_hold_that_comes_too_late_lets_nothing_in(database: Database) -> None:
    async with database.transaction() as connection:
        job_id, _ = await submitted(connection, await uploaded(connection, 1))
        assert await jobs.mark_cancelling(connection, job_id)
        await projection.record_tokens(connection, [TokensDecided(job_id, 1, held=True, available=7)])
        asked = await album_jobs.find_asked(connection, job_id)
        assert (asked["state"], asked["door_facts"]) == ("cancelling", '{"skipped": 0}')


async def test_a_cancelled_image_stays_so_whatever_its_worker_says(database: Database) -> None:
    async with database.transaction() as connection:
        job_id, image_ids = await opened(connection, await uploaded(connection, 2), let_in=1)
        rows = await album_jobs.cancel_images(connection, job_id, image_ids)
        assert sorted((row["seq"], row["let_in"]) for row in rows) == [(0, True), (1, False)]
        assert await album_jobs.cancel_images(connection, job_id, image_ids) == []
        counted = Progress(in_flight=-1, cancelled=2, items_ended=2)
        await jobs.add_progress(connection, {job_id: counted})
        (completed,) = await projection.complete(connection, [job_id])
        assert await projection.record_images(connection, [ended(job_id, image_ids[0], "succeeded")]) == ()
        named = await album_jobs.list_named(connection, ACCOUNT, [job_id], [])
        job = await jobs.find_job(connection, ACCOUNT, job_id)
    assert [(row["state"], row["digest"], row["requested_at"] is None) for row in named] == [
        ("cancelled", None, False),
        ("cancelled", None, True),
    ]
    assert completed.model_dump()["state"] == "cancelled"
    assert job
    assert (job["in_flight"], job["images_cancelled"], job["items_ended"], job["state"]) == (0, 2, 2, "cancelled")


async def test_a_reference_is_one_jobs_own(database: Database) -> None:
    async with database.transaction() as connection:
        upload_ids = await uploaded(connection, 1)
        await submitted(connection, upload_ids, reference="batch-1")
        new = NewJob(new_id(), ACCOUNT, "album", Recipe(operation="copy"), 2, None, None, "", "", 1, 1, "batch-1")
        assert await jobs.insert_job(connection, new) is None
        for account_id, found in ((ACCOUNT, 1), ("another", 0)):
            assert len(await album_jobs.list_named(connection, account_id, [], ["batch-1"])) == found


async def test_a_key_stands_for_its_job_until_that_comes_to_nothing(database: Database) -> None:
    keyed, other = (Keyed(ACCOUNT, "enhancement", "key", mark) for mark in (b"1", b"2"))
    job_id = new_id()
    async with database.transaction() as connection:
        claim = await idempotency.claim_within(connection, keyed)
        assert isinstance(claim, Claim)
        await claim.bind(connection, job_id)
        await connection.execute("UPDATE idempotency_keys SET started_at = started_at - interval '1 hour'")
    async with database.transaction() as connection:
        assert await idempotency.claim_within(connection, keyed) == Bound(job_id)
        with pytest.raises(KeyReused):
            await idempotency.claim_within(connection, other)
        await idempotency.release_job(connection, job_id)
        assert isinstance(await idempotency.claim_within(connection, keyed), Claim)


async def test_a_refused_request_lets_its_key_go(database: Database) -> None:
    keyed = Keyed(ACCOUNT, "enhancement", "refused", b"1")
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as connection:
            assert isinstance(await idempotency.claim_within(connection, keyed), Claim)
            raise ZeroDivisionError
    async with database.transaction() as connection:
        claim = await idempotency.claim_within(connection, keyed)
        assert isinstance(claim, Claim)
        await claim.answer(connection, 200, {"total": 1})
        assert await idempotency.claim_within(connection, keyed) == Answered(200, {"total": 1})
