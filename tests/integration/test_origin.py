"""The site of pictures and the receiver of webhooks, as real servers that real clients talk to."""

import asyncio
import io
import json
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from PIL import Image
from standardwebhooks import Webhook

from client.local_server import BODY_BYTES_MAX, Request, Response, serving
from client.origin import HUGE_BYTES, Origin
from client.photo_cache import Photo, PhotoCache
from client.receiver import Receiver

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def site() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(Origin().respond) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture
async def hooks() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(Receiver().respond) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.mark.parametrize(
    ("extension", "format"), [("jpg", "JPEG"), ("jpeg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("gif", "GIF")]
)
async def test_a_photo_is_drawn_to_order(site: httpx.AsyncClient, extension: str, format: str) -> None:
    answer = await site.get(f"/photos/3-64x48.{extension}")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == (format, (64, 48))
        assert answer.headers["content-type"] == Image.MIME[format]


async def test_variants_differ_as_files_and_options_are_honoured(site: httpx.AsyncClient) -> None:
    paths = ["?variant=1", "?variant=2", "?quality=40", "?orientation=6", ""]
    files = [(await site.get(f"/photos/3-64x48.jpg{query}")).content for query in paths]
    assert len(set(files)) == len(paths)
    with Image.open(io.BytesIO(files[3])) as turned:
        assert turned.size == (48, 64)
    clear = await site.get("/photos/3-64x48.png?transparent=1")
    with Image.open(io.BytesIO(clear.content)) as picture:
        assert picture.mode == "RGBA"


async def test_a_photo_that_the_client_has_is_not_sent_again(site: httpx.AsyncClient) -> None:
    first = await site.get("/photos/3-64x48.jpg")
    again = await site.get("/photos/3-64x48.jpg", headers={"If-None-Match": first.headers["etag"]})
    other = await site.get("/photos/4-64x48.jpg", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/missing.jpg", 404),
        ("/photos/1-0x9.jpg", 404),
        ("/photos/1-99999x99999.jpg", 404),
        ("/photos/1-8x8.jpg?orientation=9", 400),
        ("/photos/1-8x8.gif?variant=1", 400),
        ("/status/418/tea.jpg", 418),
        ("/status/599/x", 599),
    ],
)
async def test_what_is_not_there_has_its_status(site: httpx.AsyncClient, target: str, status: int) -> None:
    assert (await site.get(target)).status_code == status


async def test_bad_pictures_are_bad_in_their_own_way(site: httpx.AsyncClient) -> None:
    broken = (await site.get("/broken.jpg")).content
    with Image.open(io.BytesIO(broken)) as picture, pytest.raises(OSError, match="truncated"):
        picture.load()
    assert b"<title>" in (await site.get("/not-an-image.jpg")).content
    assert (await site.get("/empty.jpg")).content == b""
    assert (await site.get("/drawing.svg")).content.startswith(b"<svg")
    assert (await site.get("/encoded.jpg")).headers["content-encoding"] == "gzip"
    with pytest.raises(httpx.RemoteProtocolError):
        await site.get("/incomplete.jpg")
    with pytest.raises(httpx.ReadTimeout):
        await site.get("/stalled.jpg", timeout=0.2)


@pytest.mark.parametrize(("query", "length"), [("", None), ("?declared", str(HUGE_BYTES))])
async def test_the_huge_file_goes_on_until_the_client_has_enough(
    site: httpx.AsyncClient, query: str, length: str | None
) -> None:
    received_bytes = 0
    async with site.stream("GET", f"/huge.jpg{query}") as answer:
        assert answer.headers.get("content-length") == length
        async for chunk in answer.aiter_raw():
            assert received_bytes or chunk.startswith(b"\xff\xd8")
            received_bytes += len(chunk)
            if received_bytes > 5_000_000:
                break
    assert (await site.get("/counts")).status_code == 200


async def test_a_flaky_address_refuses_as_often_as_it_says_for_each_url(site: httpx.AsyncClient) -> None:
    first = [(await site.get("/flaky/2/photos/1-8x8.jpg")).status_code for _ in range(4)]
    other = [(await site.get("/flaky/1/photos/1-8x8.jpg?retry_after=7&status=429")) for _ in range(2)]
    assert first == [503, 503, 200, 200]
    assert [answer.status_code for answer in other] == [429, 200]
    assert other[0].headers["retry-after"] == "7"


async def test_redirects_lead_to_the_rest_or_elsewhere(site: httpx.AsyncClient) -> None:
    followed = await site.get("/redirect/3/photos/1-8x8.jpg?variant=2", follow_redirects=True)
    assert (followed.status_code, len(followed.history)) == (200, 3)
    away = await site.get("/redirect/1/x?to=http://10.0.0.1/secret")
    assert (away.status_code, away.headers["location"]) == (302, "http://10.0.0.1/secret")


async def test_slow_answers_come_late_but_beside_one_another(site: httpx.AsyncClient) -> None:
    began = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(site.get(f"/slow/photos/{n}-8x8.jpg?delay_ms=300") for n in range(8)))
    took_seconds = asyncio.get_running_loop().time() - began
    assert {answer.status_code for answer in answers} == {200}
    assert 0.3 <= took_seconds < 1.5
    assert (await site.get("/load")).json() == {"requests": 8, "in_flight": 0, "in_flight_max": 8}


async def test_a_site_with_latency_is_late_with_everything_but_its_counters() -> None:
    async with serving(Origin(delay_seconds=0.2).respond) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/photos/1-8x8.jpg")).elapsed.total_seconds() >= 0.2
        assert (await client.get("/counts")).elapsed.total_seconds() < 0.2


async def test_requests_are_counted_by_target_and_a_picture_is_drawn_once_for_all(site: httpx.AsyncClient) -> None:
    target = "/photos/9-800x600.jpg"
    answers = await asyncio.gather(*(site.get(target) for _ in range(6)), site.get("/missing.jpg"))
    assert len({answer.content for answer in answers}) == 2
    assert (await site.get("/counts")).json() == {target: 6, "/missing.jpg": 1}


async def test_the_cache_forgets_the_oldest_pictures_beyond_its_size() -> None:
    photos = [Photo(seed, 64, 48, "jpg", 85, 1, False) for seed in range(4)]
    sizes = [len(await PhotoCache(0).draw(photo)) for photo in photos]
    cache = PhotoCache(sizes[0] + sizes[2] + sizes[3])
    for photo in photos[:3]:
        await cache.draw(photo)
        cache.find(photos[0])
    await cache.draw(photos[3])
    assert [cache.find(photo) is not None for photo in photos] == [True, False, True, True]


async def conversation(url: str, *parts: bytes) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for part in parts:
        writer.write(part)
        await writer.drain()
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def echo(request: Request) -> Response:
    return Response(body=f"{request.method} {request.target} ".encode() + request.body, headers=(("X-A", "b"),))


async def test_requests_may_come_together_or_in_pieces() -> None:
    post = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz"
    async with serving(echo) as url:
        answer = await conversation(url, post[:9], post[9:-2], post[-2:] + post, b"GET /end HTTP/1.1\r\n\r\n")
    assert answer.count(b"POST /a?b=c xyz") == 2
    assert answer.endswith(b"GET /end ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1), b"413"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000, b"431"),
    ],
)
async def test_requests_beyond_its_means_are_refused(request_bytes: bytes, status: bytes) -> None:
    async with serving(echo) as url:
        assert (await conversation(url, request_bytes)).startswith(b"HTTP/1.1 " + status)


async def test_head_has_the_length_and_no_body(site: httpx.AsyncClient) -> None:
    head, get = await site.head("/photos/1-8x8.png"), await site.get("/photos/1-8x8.png")
    assert (head.headers["content-length"], head.content) == (str(len(get.content)), b"")


def new_secret() -> str:
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()


def signed(secret: str, body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", now, body)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": f"v1,{b64encode(bytes(32)).decode()} {signature}",
    }


async def test_a_delivery_is_kept_as_it_came(hooks: httpx.AsyncClient) -> None:
    answer = await hooks.post("/hook/a?b=c", content='{"ü": 1}', headers={"X-Kept": "yes"})
    await hooks.post("/hook", content=b"\xff no json")
    first, second = (await hooks.get("/received")).json()
    assert answer.status_code == 204
    assert (first["target"], first["json"], first["body"]) == ("/hook/a?b=c", {"ü": 1}, '{"ü": 1}')
    assert (first["headers"]["x-kept"], first["verified"], first["status"]) == ("yes", None, 204)
    assert second["json"] is None
    assert [each["target"] for each in (await hooks.get("/received?path=/hook")).json()] == ["/hook"]


async def test_signatures_are_verified_once_the_secret_is_known(hooks: httpx.AsyncClient) -> None:
    secret, body = new_secret(), '{"status": "completed"}'
    await hooks.post("/secret", content=secret)
    await hooks.post("/hook", content=body, headers=signed(secret, body))
    await hooks.post("/hook", content=body + " ", headers=signed(secret, body))
    await hooks.post("/hook", content=body, headers=signed(new_secret(), body))
    await hooks.post("/hook", content=body, headers=signed(secret, body) | {"webhook-signature": "v1,%%% v1"})
    await hooks.post("/hook", content=body)
    received = (await hooks.get("/received")).json()
    assert [each["verified"] for each in received] == [True, False, False, False, False]
    assert all(each["problem"] for each in received[1:])


async def test_a_receiver_refuses_as_often_as_it_is_told(hooks: httpx.AsyncClient) -> None:
    answers = [(await hooks.post("/hook?fail=2")).status_code for _ in range(3)]
    others = [(await hooks.post("/hook?fail=1&status=410")).status_code for _ in range(2)]
    assert (answers, others) == ([500, 500, 204], [410, 204])
    assert [each["status"] for each in (await hooks.get("/received")).json()] == [500, 500, 204, 410, 204]
    await hooks.delete("/received")
    assert (await hooks.get("/received")).json() == []


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    running = subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        yield running, json.loads(running.stdout.readline())["url"]
    finally:
        running.terminate()
        running.wait(10)
        running.stdout.close()


@pytest.mark.parametrize(("module", "path"), [("client.origin", "/photos/1-8x8.jpg"), ("client.receiver", "/received")])
def test_each_runs_as_a_process_that_says_where_it_is_and_ends_when_told(module: str, path: str) -> None:
    with process(module, "--port", "0") as (running, url):
        assert httpx.get(url + path).status_code == 200
        running.terminate()
        assert running.wait(10) == 0
