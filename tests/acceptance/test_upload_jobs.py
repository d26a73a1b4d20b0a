"""Jobs over uploads: their bytes are here already, and one image follows the other."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from deploy.local.stack import Stack
from services.gateway.intake import submit
from services.gateway.ports import Ports
from services.gateway.store import uploads
from shared.prices import Prices
from tests.acceptance.conftest import GatewayRows
from tests.eventually import eventually
from tests.gateway_ports import open_ports
from tests.invariants import assert_consistent
from tests.kept_uploads import keep_upload, new_picture, submission_of
from tests.stacks import frozen

NOTHING_FETCHED_SECONDS_MAX = 0.5
LOOKS = "SELECT in_flight, next_seq, advanced_at FROM jobs WHERE job_id = $1"
IMAGES = "SELECT * FROM images WHERE job_id = $1 ORDER BY seq"


@pytest.fixture
async def ports(stack: Stack) -> AsyncIterator[Ports]:
    """The ports of a gateway where nothing has a price."""
    async with open_ports(stack, Prices(prices={"album": 0})) as opened:
        yield opened


async def until_ended(gateway_rows: GatewayRows, job_id: UUID) -> list[dict[str, object]]:
    """Wait until a job has ended; its images."""

    async def ended() -> list[dict[str, object]]:
        (job,) = await gateway_rows("SELECT completed_at FROM jobs WHERE job_id = $1", job_id)
        assert job["completed_at"]
        return await gateway_rows(IMAGES, job_id)

    return await eventually(ended, 30)


async def test_the_bytes_of_an_upload_are_not_fetched_again(
    stack: Stack, ports: Ports, gateway_rows: GatewayRows
) -> None:
    account_id, contents = f"account-{uuid4().hex}", [new_picture() for _ in range(3)]
    upload_ids = [await keep_upload(ports, account_id, content) for content in contents]
    job = await submit(ports, submission_of(account_id, upload_ids, reference_start=f"album-{uuid4()}"))
    found = await until_ended(gateway_rows, job["job_id"])
    assert [row["state"] for row in found] == ["succeeded"] * 3
    assert [row["upload_id"] for row in found] == upload_ids
    assert [row["digest"] for row in found] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert {row["attempts"] for row in found} == {1}
    assert all(row["fetch_seconds"] < NOTHING_FETCHED_SECONDS_MAX for row in found)
    requested = [row["requested_at"] for row in found]
    assert requested == sorted(requested)
    assert all(row["requested_at"] <= row["ended_at"] for row in found)
    await assert_consistent(stack.urls)


async def test_one_image_follows_the_other(stack: Stack, ports: Ports, gateway_rows: GatewayRows) -> None:
    account_id = f"account-{uuid4().hex}"
    upload_ids = [await keep_upload(ports, account_id, new_picture()) for _ in range(6)]
    job = await submit(ports, submission_of(account_id, upload_ids))
    looks: list[tuple[int, int]] = []

    async def over() -> None:
        (look,) = await gateway_rows(LOOKS, job["job_id"])
        looks.append((look["next_seq"], look["in_flight"]))
        assert looks[-1] == (6, 0)

    await eventually(over, 30)
    assert max(in_flight for _, in_flight in looks) == 1
    assert looks == sorted(looks, key=lambda look: look[0])
    found = await until_ended(gateway_rows, job["job_id"])
    turns = [(row["requested_at"], row["ended_at"]) for row in found]
    assert all(ended <= following for (_, ended), (following, _) in zip(turns, turns[1:], strict=False))


async def test_an_upload_that_is_deleted_meanwhile_is_finished(
    stack: Stack, ports: Ports, gateway_rows: GatewayRows
) -> None:
    account_id = f"account-{uuid4().hex}"
    upload_ids = [await keep_upload(ports, account_id, new_picture()) for _ in range(2)]
    with frozen(stack, "fetcher"):
        job = await submit(ports, submission_of(account_id, upload_ids))
        async with ports.database.transaction() as connection:
            for upload_id in upload_ids:
                assert await uploads.delete_upload(connection, account_id, upload_id)
    found = await until_ended(gateway_rows, job["job_id"])
    assert [row["state"] for row in found] == ["succeeded"] * 2


async def test_jobs_of_one_millisecond_have_references_of_their_own(ports: Ports, gateway_rows: GatewayRows) -> None:
    account_id, start = f"account-{uuid4().hex}", f"album-{uuid4()}"
    upload_ids = [await keep_upload(ports, account_id, new_picture()) for _ in range(2)]
    accepted = await asyncio.gather(
        *(submit(ports, submission_of(account_id, [each], reference_start=start)) for each in upload_ids * 4)
    )
    references = {job["reference"] for job in accepted}
    assert len(references) == 8
    for job in accepted:
        await until_ended(gateway_rows, job["job_id"])
