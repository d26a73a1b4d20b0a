"""What robots and attackers send to the albums door: never a fault of ours, always the door's own shape of error."""

import asyncio
import http.client
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.album_builders import Json, album_of, picture, said
from tests.album_callers import Callers
from tests.odd_bodies import HOSTILE_IDS, LARGE_BYTES, NO_OBJECTS, ODD_OBJECTS, WRONG_VALUES
from tests.operations import JSON, METHODS, Operation, operations_of


@dataclass(frozen=True)
class Someone:
    """A caller of the door with an album and an image, whose calls of a minute are not used up."""

    client: httpx.AsyncClient
    path_ids: Json
    fields: Json

    def path(self, operation: Operation) -> str:
        """The operation's path, with ids of the caller's own; an unknown one where it has none."""
        path = operation.path
        for slot in operation.slots:
            if slot.place == "path":
                path = path.replace("{}", self.path_ids.get(slot.name, str(uuid4())), 1)
        return path

    def body(self, operation: Operation) -> Json:
        """A body that could be accepted."""
        return {name: value for name, value in self.fields.items() if name in operation.fields}


@pytest.fixture
async def someone(callers: Callers) -> Someone:
    """A fresh one for each test."""
    client = await callers.new()
    album = await album_of(client, [picture()])
    (image_id,) = album.image_ids
    fields = {"name": uuid4().hex, "tier": "TIER_1K", "imageId": image_id, "imageIds": [image_id]}
    return Someone(
        client,
        {"/api/albums/": album.album_id, "/api/images/": image_id},
        {**fields, "imageOrder": [image_id], "jobIds": [str(uuid4())]},
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(callers: Callers) -> list[Operation]:
    """The albums door's operations."""
    found = [operation for operation in await operations_of(callers.operator) if operation.is_albums]
    assert len(found) > 20
    return found


def assert_is_no_fault(answer: httpx.Response, what: object) -> None:
    """No fault of ours, no call that went uncounted, and an error in the door's shape if it is one."""
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code != 429, f"{what} was not tried: too many calls before"
    if answer.status_code >= 400:
        body = answer.json()
        assert isinstance(body["error"], str), f"{what}: {body}"
        assert body["error"], f"{what}: {body}"
        assert "detail" not in body
        assert "Traceback" not in answer.text


def taking_json(door: list[Operation]) -> list[Operation]:
    """The operations that read a JSON body."""
    found = [operation for operation in door if operation.media_type == JSON]
    assert len(found) >= 7
    return found


async def send(someone: Someone, operation: Operation, content: bytes) -> httpx.Response:
    """Call an operation with a body as it is."""
    headers = {"Content-Type": JSON}
    return await someone.client.request(operation.method, someone.path(operation), content=content, headers=headers)


@pytest.mark.parametrize("name", NO_OBJECTS)
async def test_a_body_that_is_no_object_is_refused(someone: Someone, door: list[Operation], name: str) -> None:
    for operation in taking_json(door):
        answer = await send(someone, operation, NO_OBJECTS[name])
        assert_is_no_fault(answer, operation.name)
        is_harmless = name == "nothing" and not operation.required
        assert answer.status_code in ((200, 400) if is_harmless else (400,)), f"{operation.name}: {answer.text[:300]}"


@pytest.mark.parametrize("name", ODD_OBJECTS)
async def test_an_odd_object_does_no_harm(someone: Someone, door: list[Operation], name: str) -> None:
    for operation in taking_json(door):
        assert_is_no_fault(await send(someone, operation, ODD_OBJECTS[name]), operation.name)


@pytest.mark.parametrize("name", WRONG_VALUES)
async def test_a_wrong_value_in_any_field_does_no_harm(someone: Someone, door: list[Operation], name: str) -> None:
    for operation in taking_json(door):
        for field in operation.fields:
            body = {**someone.body(operation), field: WRONG_VALUES[name]}
            answer = await send(someone, operation, json.dumps(body).encode())
            assert_is_no_fault(answer, f"{operation.name}, {field}")
            if name == "object":
                assert answer.status_code == 400, f"{operation.name}, {field}: {answer.text[:300]}"


async def raw_call(client: httpx.AsyncClient, method: str, path: str, body: Json) -> tuple[int, bytes]:
    """Call a path exactly as it is written."""

    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(str(client.base_url)).netloc, timeout=10)
        content = json.dumps(body).encode() if body else b""
        connection.putrequest(method, path, skip_accept_encoding=True)
        headers = {"X-API-Key": client.headers["X-API-Key"], "Content-Type": JSON, "Content-Length": len(content)}
        for name, value in headers.items():
            connection.putheader(name, str(value))
        connection.endheaders(content)
        answer = connection.getresponse()
        return answer.status, answer.read()

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
async def test_an_id_of_any_form_is_just_unknown(someone: Someone, door: list[Operation], hostile: str) -> None:
    statuses = (404, 405) if "%2f" in hostile else (404,)
    for operation in door:
        if "{}" in operation.path:
            path = operation.path.replace("{}", hostile)
            status, body = await raw_call(someone.client, operation.method, path, someone.body(operation))
            assert status in statuses, f"{operation.name}: {status} {body[:300]!r}"
            assert json.loads(body)["error"]
            assert b"root:" not in body


async def test_a_wrong_method_is_405(someone: Someone, door: list[Operation]) -> None:
    taken = [(each.method, re.compile(each.path.replace("{}", "[^/]+"))) for each in door]
    for path in {someone.path(operation) for operation in door}:
        for method in map(str.upper, METHODS):
            if any(method == known and pattern.fullmatch(path) for known, pattern in taken):
                continue
            answer = await someone.client.request(method, path)
            assert (answer.status_code, set(answer.json())) == (405, {"error"}), f"{method} {path}: {answer.text}"
            assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/api/albums/a/b/c", "/api/images", "/api/jobs", "/api/tokens", "/api/tokens/nothing"]
)
async def test_an_unknown_path_is_404_in_the_doors_shape(someone: Someone, path: str) -> None:
    answer = await someone.client.get(path, follow_redirects=False)
    assert (answer.status_code, set(answer.json())) == (404, {"error"})


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\boot.ini",
        "a\0b.jpg",
        "a\r\nSet-Cookie: x.jpg",
        "x" * 5000 + ".jpg",
        "\u202egpj.exe",
        "",
        ".",
    ],
)
async def test_a_hostile_file_name_is_made_harmless_or_refused(someone: Someone, name: str) -> None:
    single = await someone.client.post("/api/images/upload", files={"file": (name, picture(), "image/jpeg")})
    several = await someone.client.post("/api/images/batch-upload", files=[("files", (name, picture(), "image/jpeg"))])
    for answer in (single, several):
        assert_is_no_fault(answer, repr(name))
    if single.status_code == 200:
        image = single.json()["image"]
        assert not set(image["name"]) & set("/\\\0\r\n\u202e")
        assert len(image["name"]) < 300
        original = await someone.client.get(f"/api/images/{image['id']}/original")
        assert original.status_code == 200
        assert "set-cookie" not in original.headers


UPLOADS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no file": {"data": {"albumId": str(uuid4())}},
    "text for a file": {"data": {"file": "a.jpg", "files": "a.jpg"}},
    "json": {"json": {"file": "a.jpg"}},
    "empty file": {"files": [("file", ("a.jpg", b"")), ("files", ("a.jpg", b""))]},
    "svg": {"files": [("file", ("a.jpg", b"<svg onload='x'/>")), ("files", ("a.jpg", b"<svg onload='x'/>"))]},
    "header only": {"files": [("file", ("a.jpg", b"\xff\xd8\xff")), ("files", ("a.jpg", b"\xff\xd8\xff"))]},
    "no boundary": {"content": b"--x\r\n\r\n", "headers": {"Content-Type": "multipart/form-data"}},
    "cut off": {"content": b"--x\r\nContent-", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    "too many files": {"files": [("files", (f"{number}.jpg", b"x")) for number in range(21)]},
    "too many fields": {"data": {f"field{number}": "x" for number in range(5000)}, "files": [("file", ("a", b"x"))]},
    "odd album": {"data": {"albumId": "a\0b"}, "files": [("file", ("a.jpg", picture())), ("files", ("b", picture()))]},
    "too large": {"files": [("file", ("a.jpg", picture() + bytes(LARGE_BYTES)))]},
}


@pytest.mark.parametrize("name", UPLOADS)
async def test_an_upload_that_is_none_is_refused(someone: Someone, name: str) -> None:
    for path in ("/api/images/upload", "/api/images/batch-upload"):
        answer = await someone.client.post(path, **UPLOADS[name])
        assert_is_no_fault(answer, path)
        kept = [result for result in answer.json().get("results", []) if result["success"]]
        assert answer.status_code != 200 or (path.endswith("batch-upload") and not kept), answer.text[:300]


@pytest.mark.parametrize("value", ["x", "-1", "NaN", "1e9", "9" * 50, "\0", "١٢", "0x10"])
async def test_a_page_of_the_statement_that_is_none_is_refused(someone: Someone, value: str) -> None:
    for name in ("limit", "offset"):
        answer = await someone.client.get("/api/tokens/transactions", params={name: value})
        assert_is_no_fault(answer, name)
        is_allowed = value == "١٢"  # digits, to Python
        assert answer.status_code in ((200, 400) if is_allowed else (400,)), f"{name}: {answer.text}"


@pytest.mark.parametrize("key", ["x" * 256, "x" * 20_000, "", "é"])
async def test_an_odd_idempotency_key_does_no_harm(someone: Someone, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = await someone.client.post("/api/albums", json={"name": uuid4().hex}, headers=headers)
    assert_is_no_fault(answer, repr(key))


async def test_a_page_of_another_site_cannot_make_a_browser_spend(someone: Someone) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = await someone.client.post("/api/albums", json={"name": "x"}, headers=headers)
    assert (answer.status_code, set(answer.json())) == (403, {"error"})
    assert len((await said(await someone.client.get("/api/albums")))["albums"]) == 1
