"""What tests send to the batches door and wait for, in its words."""

from collections.abc import Sequence
from typing import Any

import httpx

from tests.eventually import eventually

ENDED = ("completed", "cancelled")
BATCH_SECONDS_MAX = 60

Json = dict[str, Any]


def batch_csv(urls: Sequence[str], header: str = "url") -> str:
    """A CSV of URLs, one a line."""
    return "\n".join([header, *urls]) + "\n"


async def post_batch(
    client: httpx.AsyncClient,
    content: str | bytes,
    *,
    file_name: str = "urls.csv",
    path: str = "/api/v1/batches",
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    """POST a CSV, whatever the answer; `operation=copy` unless the fields say otherwise."""
    file = content if isinstance(content, bytes) else content.encode()
    files = {"file": (file_name, file, "text/csv")}
    return await client.post(path, files=files, data={"operation": "copy", **fields}, headers=headers)


async def create_batch(client: httpx.AsyncClient, content: str | bytes, **options: Any) -> str:
    """Create a batch that is accepted; its id. Options as of `post_batch`."""
    answer = await post_batch(client, content, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["batch_id"])


async def told(client: httpx.AsyncClient, path: str, **query: Any) -> Json:
    """The `data` of a successful GET below /api/v1."""
    answer = await client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["success"] is True
    assert body["timestamp"].endswith("Z")
    return dict(body["data"])


async def until_batch_ended(client: httpx.AsyncClient, batch_id: str, seconds_max: float = BATCH_SECONDS_MAX) -> Json:
    """Wait until a batch has ended; its status then."""

    async def ended() -> Json:
        found = await told(client, f"/batches/{batch_id}/status")
        assert found["status"] in ENDED, found
        return found

    return await eventually(ended, seconds_max)


async def run_batch(client: httpx.AsyncClient, content: str | bytes, **options: Any) -> str:
    """Create a batch and wait until it has ended; its id."""
    batch_id = await create_batch(client, content, **options)
    await until_batch_ended(client, batch_id)
    return batch_id


def refused(answer: httpx.Response, status: int) -> str:
    """What the door says of a refusal."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["success"] is False
    assert body["timestamp"].endswith("Z")
    return str(body["error"])
