"""The Python client against a gateway that misbehaves as gateways do: away for a moment, a stream that breaks off."""

import asyncio
import json
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

import pytest

from client.answers import Status
from client.gateway import Away, Gateway, Refused
from client.local_server import Request, Response, json_response, serving


def status_body(completed: int, status: str = "processing") -> dict[str, object]:
    """The body of GET /api/status of a request with three images."""
    return {
        "request_id": "r",
        "status": status,
        "message": "",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "images": {"total": 3, "completed": completed, "failed": 0, "pending": 3 - completed},
    }


def stream_of(*bodies: dict[str, object]) -> Response:
    """Server-Sent Events that end after these."""
    chunks = [f": ping\r\n\r\nevent: status\r\ndata: {json.dumps(body)}\r\n\r\n".encode() for body in bodies]
    return Response(content_type="text/event-stream", stream=chunks)


class Script:
    """A gateway that answers each path with the next of its answers, the last for ever."""

    def __init__(self, **answers: Iterable[Response]) -> None:
        self._answers = {name: iter(each) for name, each in answers.items()}
        self.requests: list[Request] = []

    def respond(self, request: Request) -> Response:
        """The next answer for the last part of the path."""
        self.requests.append(request)
        return next(self._answers[request.path.rpartition("/")[2]])


def watched(url: str) -> list[Status]:
    """All that watching says."""
    with Gateway(url) as gateway:
        return list(gateway.watch("r"))


async def test_watching_goes_on_where_the_stream_breaks_off() -> None:
    script = Script(
        r=[json_response(status_body(0)), json_response(status_body(2))],
        events=[stream_of(status_body(0), status_body(1)), stream_of(status_body(3, "completed"))],
    )
    async with serving(script.respond) as url:
        seen = await asyncio.to_thread(watched, url)
    assert [status.images.completed for status in seen] == [0, 1, 2, 3]


async def test_watching_asks_where_there_is_no_stream() -> None:
    script = Script(
        r=map(json_response, [status_body(0), status_body(1), status_body(3, "completed")]),
        events=repeat(Response(404)),
    )
    async with serving(script.respond) as url:
        seen = await asyncio.to_thread(watched, url)
    assert [status.images.completed for status in seen] == [0, 1, 3]


async def test_a_gateway_that_restarts_is_waited_for() -> None:
    away = [Response(503), Response(502)]
    script = Script(r=chain([json_response(status_body(0))], away, [json_response(status_body(1))]))

    def ask(url: str) -> list[int]:
        with Gateway(url) as gateway:
            return [gateway.status("r").images.completed for _ in range(2)]

    async with serving(script.respond) as url:
        assert await asyncio.to_thread(ask, url) == [0, 1]


async def test_a_gateway_that_was_never_there_is_not_waited_for() -> None:
    async with serving(Script().respond) as url:
        nobody = url
    with Gateway(nobody) as gateway, pytest.raises(Away, match="does not answer"):
        await asyncio.to_thread(gateway.status, "r")


async def test_an_upload_is_repeated_under_the_same_key(tmp_path: Path) -> None:
    accepted = json_response({"request_id": "r", "message": "", "webhook_url": None})
    script = Script(upload=[Response(503), accepted])
    file = tmp_path / "products.csv"
    file.write_text("a,b,c\n")
    async with serving(script.respond) as url:
        with Gateway(url) as gateway:
            await asyncio.to_thread(gateway.upload, file)
    first, second = script.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert b"a,b,c" in second.body


async def test_a_download_waits_until_the_file_is_written(tmp_path: Path) -> None:
    script = Script(r=[Response(202, b"{}"), Response(body=b"S. No.", content_type="text/csv")])
    async with serving(script.respond) as url:
        with Gateway(url) as gateway:
            path = await asyncio.to_thread(gateway.download, "r", "csv", tmp_path / "results.csv")
    assert path.read_bytes() == b"S. No."
    assert [each.name for each in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize(
    "header", ['attachment; filename="../../evil.csv"', "attachment; filename*=UTF-8''..%2Fevil.csv"]
)
async def test_a_download_stays_in_its_folder_whatever_the_gateway_calls_it(tmp_path: Path, header: str) -> None:
    script = Script(r=[Response(body=b"x", headers=(("Content-Disposition", header),))])
    async with serving(script.respond) as url:
        with Gateway(url) as gateway:
            path = await asyncio.to_thread(gateway.download, "r", "csv", tmp_path)
    assert path == tmp_path / "evil.csv"


async def test_a_refusal_says_why() -> None:
    content = {"detail": "Invalid webhook URL format", "problem": "address_forbidden", "reason": "It is private."}
    script = Script(r=[json_response(content, 400)])
    async with serving(script.respond) as url:
        with Gateway(url) as gateway, pytest.raises(Refused, match=r"format \(It is private\)") as refused:
            await asyncio.to_thread(gateway.status, "r")
    assert refused.value.problem == "address_forbidden"
    assert refused.value.status == 400
