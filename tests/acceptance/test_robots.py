"""Names, methods and paths that robots and attackers try (case 3-16 and beyond)."""

import asyncio
import http.client
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.builders import UNKNOWN_ID, Site, csv_text, images_of, product_csv, run


async def raw_get(url: str, path: str) -> tuple[int, bytes]:
    """GET a path exactly as it is written."""

    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("..%2f..%2fetc%2fpasswd", (400, 404)),
        ("../../etc/passwd", (400, 404)),
        ("..%5c..%5cboot.ini", (400,)),
        ("%2e%2e%2fstate.json", (400, 404)),
        ("x.exe", (400,)),
        ("x", (400,)),
        (".jpg", (400,)),
        ("a.jpg.php", (400,)),
        ("a%00.jpg", (400,)),
        ("a%0d%0aSet-Cookie:x.jpg", (400,)),
        (f"{UNKNOWN_ID}.jpg", (404,)),
        (f"{UNKNOWN_ID}.PNG", (404,)),
        ("a.jpg", (404,)),
        ("a" * 3000 + ".jpg", (400, 404, 414)),
        (f"{{{UNKNOWN_ID}}}.jpg", (400,)),
        (f"urn:uuid:{UNKNOWN_ID}.jpg", (400,)),
    ],
)
async def test_3_16_an_image_is_found_by_a_proper_name_only(
    client: httpx.AsyncClient, name: str, statuses: tuple[int, ...]
) -> None:
    status, body = await raw_get(str(client.base_url), f"/api/image/{name}")
    assert status in statuses, body
    assert b"detail" in body
    assert b"root:" not in body


async def test_an_image_is_not_found_under_another_extension(client: httpx.AsyncClient, site: Site) -> None:
    (image,) = await images_of(client, await run(client, product_csv([[site.photo()]])))
    stem = image["output_url"].rpartition(".")[0]
    assert (await client.get(f"{stem}.jpg")).status_code == 200
    for extension in ("png", "webp", "gif", "jpeg"):
        assert (await client.get(f"{stem}.{extension}")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/upload"),
        ("PUT", "/api/upload"),
        ("DELETE", "/api/upload"),
        ("POST", f"/api/status/{UNKNOWN_ID}"),
        ("DELETE", f"/api/details/{UNKNOWN_ID}"),
        ("POST", f"/api/download/{UNKNOWN_ID}"),
        ("PATCH", "/api/image/a.jpg"),
        ("GET", f"/api/retry/{UNKNOWN_ID}"),
        ("GET", f"/api/webhooks/{UNKNOWN_ID}/resend"),
        ("POST", "/"),
        ("POST", "/health"),
    ],
)
async def test_a_wrong_method_is_405(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.json()["detail"]
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/status", "/api/status/", "/api/uploads", "/wp-login.php", "/.env"]
)
async def test_an_unknown_path_is_404_in_json(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, follow_redirects=True)
    assert answer.status_code == 404
    assert answer.json()["detail"]


async def test_unknown_requests_are_404_on_every_method(client: httpx.AsyncClient) -> None:
    for unknown in (str(uuid4()), "nothing", "%27%20OR%201=1"):
        for path in (f"/api/retry/{unknown}", f"/api/webhooks/{unknown}/resend"):
            answer = await client.post(path)
            assert answer.status_code == 404
            assert set(answer.json()) == {"detail"}


async def test_a_page_of_another_site_cannot_make_a_browser_act_here(client: httpx.AsyncClient) -> None:
    foreign = {"Origin": "https://evil.example"}
    answer = await client.post(
        "/api/upload", files={"file": ("a.csv", csv_text("1,a,http://x/1.jpg"))}, headers=foreign
    )
    assert answer.status_code == 403
    assert (await client.post("/api/webhooks/secret/rotate", headers=foreign)).status_code == 403
    assert (await client.post(f"/api/retry/{uuid4()}", headers={"Origin": "null"})).status_code == 403


async def test_a_name_that_an_attacker_points_here_is_not_this_machine(client: httpx.AsyncClient) -> None:
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    for method, path in (("GET", "/api/webhooks/secret"), ("POST", "/api/webhooks/secret/rotate")):
        assert (await client.request(method, path, headers=rebound)).status_code == 401
        for host in ("localhost", "127.0.0.1:80", "[::1]:8000"):
            assert (await client.request(method, path, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("depth", [10_000])
async def test_a_form_of_very_many_fields_is_refused(client: httpx.AsyncClient, depth: int) -> None:
    answer = await client.post(
        "/api/upload", data={f"field{number}": "x" for number in range(depth)}, files={"a": b"x"}
    )
    assert answer.status_code in (400, 413, 422)
    assert (await client.get("/health")).status_code == 200


async def test_head_and_options_do_no_harm(client: httpx.AsyncClient) -> None:
    for path in ("/", "/health", f"/api/status/{uuid4()}"):
        for method in ("HEAD", "OPTIONS"):
            assert (await client.request(method, path)).status_code < 500
