"""The guarded client against real servers that misbehave."""

import asyncio
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import Permanent, Transient
from shared.web import Downloaded, GuardedClient, Limits
from tests.guarded_client import BAD_ANSWERS, QUICK, guarded
from tests.hostile_origin import BODY, HostileOrigin, hostile_origin


@pytest.fixture
async def origin() -> AsyncIterator[HostileOrigin]:
    async with hostile_origin() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with guarded() as opened:
        yield opened


async def eventually(condition: Callable[[], bool], seconds_max: float = 5) -> None:
    """Let the loop turn until the condition holds."""
    async with asyncio.timeout(seconds_max):
        while not condition():  # noqa: ASYNC110 - a file has no event to wait for
            await asyncio.sleep(0)


@pytest.mark.parametrize("path", ["/a.jpg", "/chunked", "/undelimited", "/identity", "/cookie", "/a?status=203"])
async def test_a_body_arrives_whole_with_its_digest(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, path: str
) -> None:
    found = await client.download(origin.url(path), into=tmp_path / "body")
    assert found == Downloaded(
        path=tmp_path / "body",
        bytes=len(BODY),
        digest=hashlib.sha256(BODY).hexdigest(),
        content_type="image/jpeg",
        url=origin.url(path),
        validator=None,
    )
    assert found.path.read_bytes() == BODY


async def test_the_request_says_what_it_wants_and_nothing_about_us(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    await client.download(origin.url("/cookie"), into=tmp_path / "a")
    await client.download(origin.url("/s?sig=a%2Bb%7E%3d+c&x=%41#part"), into=tmp_path / "b")
    assert origin.requests[1].target == "/s?sig=a%2Bb%7E%3d+c&x=%41"
    assert origin.requests[1].headers == {
        "host": f"127.0.0.1:{origin.port}",
        "user-agent": "Darkroom/0.1",
        "accept": "*/*",
        "accept-encoding": "identity",
    }


async def test_connections_are_used_again_also_after_refusals(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    for _ in range(3):
        await client.download(origin.url("/a"), into=tmp_path / "a")
        with pytest.raises(Permanent, match="http_404"):
            await client.download(origin.url("/a?status=404"), into=tmp_path / "b")
    assert (len(origin.requests), origin.connections) == (6, 1)


async def test_connections_over_the_limit_are_not_kept(origin: HostileOrigin, tmp_path: Path) -> None:
    async with guarded(replace(QUICK, connections=1)) as client, hostile_origin() as other:
        await client.download(origin.url("/a"), into=tmp_path / "a")
        for server in (other, origin, other):
            await client.download(server.url("/a"), into=tmp_path / "a")
    assert (origin.connections, other.connections) == (1, 2)
    assert [request.headers.get("connection") for request in other.requests] == ["close", "close"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("etag=%22abc%22", '"abc"'), ("etag=W/%22abc%22", 'W/"abc"'), ("", None)],
)
async def test_the_validator_is_kept(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, query: str, expected: str | None
) -> None:
    assert (await client.download(origin.url(f"/a?{query}"), into=tmp_path / "a")).validator == expected


async def test_an_odd_validator_can_be_stored_anywhere(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    validator = (await client.download(origin.url("/validator-odd"), into=tmp_path / "a")).validator
    assert validator is not None and validator.isascii() and len(validator) == 256


@pytest.mark.parametrize(("path", "kind", "problem", "attempts_max"), BAD_ANSWERS, ids=[row[0] for row in BAD_ANSWERS])
async def test_a_bad_answer_has_its_problem_and_leaves_no_file(
    client: GuardedClient,
    origin: HostileOrigin,
    tmp_path: Path,
    path: str,
    kind: type[Permanent | Transient],
    problem: str,
    attempts_max: int | None,
) -> None:
    started_at = time.monotonic()
    with pytest.raises(kind) as caught:
        await client.download(origin.url(path), into=tmp_path / "body")
    assert caught.value.problem == problem
    assert getattr(caught.value, "attempts_max", None) == attempts_max
    assert caught.value.detail.endswith(".")
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - started_at < 3


async def test_limits_can_be_set_for_one_download(client: GuardedClient, origin: HostileOrigin, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="too_large"):
        await client.download(origin.url("/a"), into=tmp_path / "a", limits=replace(QUICK, bytes_max=len(BODY) - 1))
    await client.download(origin.url("/a"), into=tmp_path / "a", limits=replace(QUICK, bytes_max=len(BODY)))


async def test_a_cancelled_download_leaves_no_file(origin: HostileOrigin, tmp_path: Path) -> None:
    async with guarded(Limits()) as client:
        download = asyncio.create_task(client.download(origin.url("/dripping"), into=tmp_path / "body"))
        await eventually((tmp_path / "body").exists)
        download.cancel()
        with pytest.raises(asyncio.CancelledError):
            await download
    assert list(tmp_path.iterdir()) == []


async def test_a_full_or_missing_disk_is_not_blamed_on_the_host(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await client.download(origin.url("/a"), into=tmp_path / "missing" / "body")


async def test_a_closed_port_is_connection_refused(client: GuardedClient, tmp_path: Path) -> None:
    async with hostile_origin() as gone:
        url = gone.url("/a")
    with pytest.raises(Transient) as caught:
        await client.download(url, into=tmp_path / "a")
    assert (caught.value.problem, caught.value.attempts_max) == ("connection_refused", None)


async def test_a_full_backlog_is_connection_timeout(client: GuardedClient, tmp_path: Path) -> None:
    """A listener that never accepts: its queue is filled first, so that the next handshake stays unanswered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        with pytest.raises(Transient) as caught:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            await client.download(url, into=tmp_path / "a", limits=replace(QUICK, connect_seconds=0.2))
        for filler in fillers:
            filler.close()
    assert (caught.value.problem, caught.value.attempts_max) == ("connection_timeout", None)
