"""What tests send and wait for, in the words of the products door."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from tests.eventually import eventually

HEADER = "S. No.,Product Name,Input Image Urls"
JOB_SECONDS_MAX = 60
UNKNOWN_ID = "0d6b3f1e-7a52-4c0b-9e64-5f2a1b8c7d90"
"""Nobody's."""

Json = dict[str, Any]

_seeds = count(1)


def csv_text(*rows: str, header: str = HEADER) -> str:
    """A CSV with these data lines as they are."""
    return "\n".join([header, *rows]) + "\n"


def product_csv(products: Iterable[Sequence[str]]) -> str:
    """A CSV of products, each given by its URLs, named Product 1, 2, ...; lists are quoted."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER.split(","))
    writer.writerows([number, f"Product {number}", ",".join(urls)] for number, urls in enumerate(products, start=1))
    return file.getvalue()


@dataclass(frozen=True)
class Site:
    """URLs of an origin. Every photo is a new one unless its seed is given."""

    url: str

    def photo(self, width: int = 64, height: int = 48, extension: str = "jpg", *, seed: int = 0, **query: Any) -> str:
        """A picture; `query` as the origin has it."""
        options = f"?{urlencode(query)}" if query else ""
        return f"{self.url}/photos/{seed or next(_seeds)}-{width}x{height}.{extension}{options}"

    def photos(self, number: int, *, width: int = 16, height: int = 16) -> list[str]:
        """As many different small files of one picture, so that they cost the origin little."""
        mark = uuid4().hex[:8]
        return [self.photo(width, height, seed=1, variant=f"{mark}-{each}") for each in range(number)]

    async def counts(self) -> dict[str, int]:
        """How often each target was asked for."""
        async with httpx.AsyncClient() as client:
            return dict((await client.get(f"{self.url}/counts")).json())

    def target(self, url: str) -> str:
        """A URL as it stands in `counts`."""
        return url.removeprefix(self.url)


async def post_csv(
    client: httpx.AsyncClient,
    content: str | bytes,
    *,
    name: str = "products.csv",
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    """POST /api/upload, whatever the answer."""
    file = content if isinstance(content, bytes) else content.encode()
    return await client.post("/api/upload", files={"file": (name, file, "text/csv")}, data=fields, headers=headers)


async def upload(client: httpx.AsyncClient, content: str | bytes, **options: Any) -> str:
    """Upload a CSV that is accepted; its request id. Options as of `post_csv`."""
    answer = await post_csv(client, content, **options)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["request_id"])


async def status_of(client: httpx.AsyncClient, request_id: str) -> Json:
    """The body of GET /api/status."""
    answer = await client.get(f"/api/status/{request_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until_ended(client: httpx.AsyncClient, request_id: str, seconds_max: float = JOB_SECONDS_MAX) -> Json:
    """Wait until a request is completed or failed; its last status."""

    async def ended() -> Json:
        found = await status_of(client, request_id)
        assert found["status"] in ("completed", "failed"), found
        return found

    return await eventually(ended, seconds_max)


async def details_of(client: httpx.AsyncClient, request_id: str) -> Json:
    """The body of GET /api/details."""
    answer = await client.get(f"/api/details/{request_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def images_of(client: httpx.AsyncClient, request_id: str) -> list[Json]:
    """All images of a request in their order, as its details show them."""
    products = (await details_of(client, request_id))["products"]
    return [image for product in products for image in product["images"]]


async def run(client: httpx.AsyncClient, content: str | bytes, **options: Any) -> str:
    """Upload a CSV and wait until its request has ended; its id."""
    request_id = await upload(client, content, **options)
    await until_ended(client, request_id)
    return request_id


async def download(client: httpx.AsyncClient, request_id: str, **query: str) -> httpx.Response:
    """A result file, ready."""
    answer = await client.get(f"/api/download/{request_id}", params=query)
    assert answer.status_code == 200, answer.text
    return answer


def read_rows(answer: httpx.Response) -> list[dict[str, str]]:
    """The rows of a downloaded CSV, by their column's name."""
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@dataclass(frozen=True)
class Hooks:
    """A receiver of webhooks, with a path of its own for each test."""

    url: str
    path: str

    def target(self, **query: Any) -> str:
        """The URL to be called; `fail` and `status` as client/receiver.py has them."""
        return f"{self.url}{self.path}" + (f"?{urlencode(query)}" if query else "")

    async def received(self) -> list[Json]:
        """What came to the path, oldest first."""
        async with httpx.AsyncClient() as client:
            return list((await client.get(f"{self.url}/received", params={"path": self.path})).json())

    async def until_received(self, number: int, seconds_max: float = 20) -> list[Json]:
        """Wait for as many deliveries."""

        async def enough() -> list[Json]:
            found = await self.received()
            assert len(found) >= number, f"{len(found)} of {number} deliveries"
            return found

        return await eventually(enough, seconds_max)
