"""Enhancements that tests ask for at the albums door, and what they wait for then."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.album_uploads import Json, body_of, make_album, picture, post_batch
from tests.eventually import eventually

PRICE = 2
STRIP = (96, 6)
JOB_SECONDS_MAX = 60
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


@dataclass(frozen=True)
class Ordered:
    """An album of which everything is being enhanced, and the batch that is its enhancement."""

    album_id: str
    image_ids: list[str]
    batch_id: str


async def new_album(client: httpx.AsyncClient, number: int) -> tuple[str, list[str]]:
    """An album of so many small pictures; its id and theirs."""
    files = {f"strip-{each}.jpg": picture(*STRIP) for each in range(number)}
    image_ids = [str(result["imageId"]) for result in body_of(await post_batch(client, files))["results"]]
    return await make_album(client, image_ids), image_ids


async def post_enhance(
    client: httpx.AsyncClient, album_id: str, tier: str = "TIER_1K", *, key: str | None = None, **fields: Any
) -> httpx.Response:
    """POST /api/albums/{id}/enhance, whatever the answer; `key`: its Idempotency-Key."""
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(f"/api/albums/{album_id}/enhance", json={"tier": tier, **fields}, headers=headers)


async def order(client: httpx.AsyncClient, number: int) -> Ordered:
    """Have a new album of so many pictures enhanced."""
    album_id, image_ids = await new_album(client, number)
    said = body_of(await post_enhance(client, album_id))
    return Ordered(album_id, image_ids, said["jobs"][0]["jobId"])


async def jobs_of(client: httpx.AsyncClient, batch_id: str) -> list[Json]:
    """The jobs of a batch in their order."""
    return list(body_of(await client.get(f"/api/jobs/{batch_id}"))["jobs"])


async def until_over(client: httpx.AsyncClient, batch_id: str) -> list[Json]:
    """Wait until all jobs of a batch have ended; the jobs."""

    async def over() -> list[Json]:
        jobs = await jobs_of(client, batch_id)
        assert {job["status"] for job in jobs} <= ENDED, [job["status"] for job in jobs]
        return jobs

    return await eventually(over, JOB_SECONDS_MAX)


async def until_begun(client: httpx.AsyncClient, batch_id: str) -> list[Json]:
    """Wait until the first job of a batch is under way; the jobs."""

    async def begun() -> list[Json]:
        jobs = await jobs_of(client, batch_id)
        assert jobs[0]["status"] == "PROCESSING"
        return jobs

    return await eventually(begun, 20)


async def balance_of(client: httpx.AsyncClient) -> int:
    """What the caller can spend."""
    return int(body_of(await client.get("/api/tokens/balance"))["balance"])


async def until_balance(client: httpx.AsyncClient, tokens: int) -> None:
    """Wait until the caller can spend so much."""

    async def has() -> None:
        assert await balance_of(client) == tokens

    await eventually(has, 20)


async def amounts_of(client: httpx.AsyncClient, kind: str) -> list[int]:
    """The amounts of a kind of line of the caller's statement, the oldest first."""
    lines = body_of(await client.get("/api/tokens/transactions", params={"limit": 200}))["transactions"]
    return [line["amount"] for line in reversed(lines) if line["type"] == kind]
