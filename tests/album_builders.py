"""What tests send and wait for, in the words of the albums door."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

import httpx

from client import pictures
from tests.eventually import eventually

PRICES = {"TIER_1K": 2, "TIER_2K": 5, "TIER_4K": 10}
ENDED = ("COMPLETED", "FAILED", "REFUNDED", "CANCELLED")
GIVEN_BACK = ("FAILED", "REFUNDED", "CANCELLED")
BATCH_FILES_MAX = 20
STATEMENT_PAGE = 200
QUALITY = 40  # so that six megapixels are less than tests/stacks.py lets in
JOB_SECONDS_MAX = 60

Json = dict[str, Any]


@cache
def _drawn(width: int, height: int, orientation: int) -> bytes:
    return pictures.draw(1, width, height, quality=QUALITY, orientation=orientation)


def picture(width: int = 96, height: int = 6, orientation: int = 1) -> bytes:
    """A JPEG that no other test has. The usual one is a strip: cheap at every tier, because the longest side counts."""
    return pictures.stamp(_drawn(width, height, orientation), uuid4().hex)


def broken_picture() -> bytes:
    """A JPEG whose header is right and whose pixels are cut off: uploading it works, enhancing it fails."""
    whole = picture(320, 240)
    return whole[: len(whole) // 2]


@dataclass(frozen=True)
class Album:
    """An album of the caller's, and its images in their order."""

    album_id: str
    image_ids: tuple[str, ...]


async def said(answer: httpx.Response) -> Json:
    """The body of an answer that went well."""
    assert answer.status_code == 200, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return dict(answer.json())


async def upload_images(client: httpx.AsyncClient, files: Sequence[bytes]) -> list[str]:
    """Upload pictures, twenty at a time; their ids, in the same order."""
    found: list[str] = []
    for start in range(0, len(files), BATCH_FILES_MAX):
        group = files[start : start + BATCH_FILES_MAX]
        form = [("files", (f"{start + place}.jpg", file, "image/jpeg")) for place, file in enumerate(group)]
        results = (await said(await client.post("/api/images/batch-upload", files=form)))["results"]
        assert [result["success"] for result in results] == [True] * len(group), results
        found += [str(result["imageId"]) for result in results]
    return found


async def make_album(client: httpx.AsyncClient, image_ids: Sequence[str] = (), **fields: Any) -> Album:
    """An album of images that are uploaded, in this order."""
    body = {"name": f"Album {uuid4().hex[:8]}", **fields}
    album_id = str((await said(await client.post("/api/albums", json=body)))["album"]["id"])
    if image_ids:
        added = await client.post(f"/api/albums/{album_id}/images", json={"imageIds": list(image_ids)})
        assert (await said(added))["added"] == len(image_ids)
    return Album(album_id, tuple(image_ids))


async def album_of(client: httpx.AsyncClient, files: Sequence[bytes]) -> Album:
    """Upload pictures into a new album."""
    return await make_album(client, await upload_images(client, files))


async def post_enhance(
    client: httpx.AsyncClient, album: Album, tier: str = "TIER_1K", *, key: str | None = None, **fields: Any
) -> httpx.Response:
    """POST …/enhance, whatever the answer; `key`: its Idempotency-Key."""
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(f"/api/albums/{album.album_id}/enhance", json={"tier": tier, **fields}, headers=headers)


async def enhance(client: httpx.AsyncClient, album: Album, tier: str = "TIER_1K", **fields: Any) -> Json:
    """POST …/enhance, accepted; its body."""
    return await said(await post_enhance(client, album, tier, **fields))


def batch_of(accepted: Json) -> str:
    """The batch id that an accepted enhancement names, the same for every image."""
    (batch_id,) = {job["jobId"] for job in accepted["jobs"]}
    return str(batch_id)


async def jobs_of(client: httpx.AsyncClient, batch_id: str) -> list[Json]:
    """The jobs of a batch, one per image, in the album's order."""
    return list((await said(await client.get(f"/api/jobs/{batch_id}")))["jobs"])


async def until_all_ended(client: httpx.AsyncClient, batch_id: str, seconds_max: float = JOB_SECONDS_MAX) -> list[Json]:
    """Wait until every job of a batch has ended; the jobs."""

    async def ended() -> list[Json]:
        jobs = await jobs_of(client, batch_id)
        assert {job["status"] for job in jobs} <= set(ENDED), [job["status"] for job in jobs]
        return jobs

    return await eventually(ended, seconds_max)


async def until_processing(client: httpx.AsyncClient, batch_id: str) -> Json:
    """Wait until a job of a batch is under way; that job."""

    async def begun() -> Json:
        under_way = [job for job in await jobs_of(client, batch_id) if job["status"] == "PROCESSING"]
        assert under_way
        return under_way[0]

    return await eventually(begun, 20)


async def balance_of(client: httpx.AsyncClient) -> int:
    """The tokens that the caller could spend now."""
    return int((await said(await client.get("/api/tokens/balance")))["balance"])


async def until_balance(client: httpx.AsyncClient, tokens: int) -> None:
    """Wait until what the ledger settled shows."""

    async def shows() -> None:
        assert await balance_of(client) == tokens

    await eventually(shows, 10)


async def statement_of(client: httpx.AsyncClient) -> list[Json]:
    """Every line of the caller's statement, the oldest first."""
    lines: list[Json] = []
    while True:
        query = {"limit": STATEMENT_PAGE, "offset": len(lines)}
        page = await said(await client.get("/api/tokens/transactions", params=query))
        lines += page["transactions"]
        if len(lines) >= page["total"] or not page["transactions"]:
            return lines[::-1]


def lines_of(statement: Sequence[Json], line_type: str) -> list[Json]:
    """The lines of one type."""
    return [line for line in statement if line["type"] == line_type]
