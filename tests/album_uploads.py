"""What tests send to the albums door before there is anything to enhance: pictures, albums of them."""

from functools import cache
from typing import Any
from uuid import uuid4

import httpx

from client import pictures

Json = dict[str, Any]


@cache
def _drawn(width: int, height: int, format: str, orientation: int) -> bytes:
    return pictures.draw(1, width, height, format, orientation=orientation)


def picture(width: int = 64, height: int = 48, format: str = "jpeg", *, orientation: int = 1) -> bytes:
    """A jpeg or png that no other test has."""
    return pictures.stamp(_drawn(width, height, format, orientation), uuid4().hex)


def body_of(answer: httpx.Response) -> Json:
    """The body of an answer that went well."""
    assert answer.status_code == 200, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return dict(answer.json())


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and sentence of an answer in the door's shape of error."""
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()["error"]


async def post_image(
    client: httpx.AsyncClient,
    content: bytes,
    name: str = "picture.jpg",
    *,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    """POST /api/images/upload, whatever the answer."""
    files = {"file": (name, content, "application/octet-stream")}
    return await client.post("/api/images/upload", files=files, data=fields, headers=headers)


async def post_batch(client: httpx.AsyncClient, files: dict[str, bytes], **fields: str) -> httpx.Response:
    """POST /api/images/batch-upload, whatever the answer; files by their name."""
    form = [("files", (name, content, "application/octet-stream")) for name, content in files.items()]
    return await client.post("/api/images/batch-upload", files=form, data=fields)


async def upload_images(client: httpx.AsyncClient, number: int) -> list[str]:
    """So many small pictures; their ids."""
    files = {f"picture-{each}.jpg": picture() for each in range(number)}
    return [str(result["imageId"]) for result in body_of(await post_batch(client, files))["results"]]


async def make_album(client: httpx.AsyncClient, image_ids: list[str] | None = None, **fields: Any) -> str:
    """An album of these images; its id."""
    made = await client.post("/api/albums", json={"name": f"Album {uuid4().hex}", **fields})
    album_id = str(body_of(made)["album"]["id"])
    if image_ids:
        added = await client.post(f"/api/albums/{album_id}/images", json={"imageIds": image_ids})
        assert body_of(added)["added"] == len(image_ids)
    return album_id


async def album_of(client: httpx.AsyncClient, album_id: str) -> Json:
    """An album as its door shows it."""
    return dict(body_of(await client.get(f"/api/albums/{album_id}"))["album"])


async def image_ids_of(client: httpx.AsyncClient, album_id: str) -> list[str]:
    """The images of an album in their order."""
    return [image["id"] for image in (await album_of(client, album_id))["images"]]
