"""Encrypted connections, and both event loops."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from shared.errors import Permanent, Transient
from shared.web import GuardedClient
from tests.certificates import certificate
from tests.guarded_client import BAD_ANSWERS, guarded, names_of
from tests.hostile_origin import BODY, hostile_origin


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with guarded() as opened:
        yield opened


async def test_certificates_are_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    server, trusting = certificate("shop.test", tmp_path)
    async with (
        hostile_origin(tls=server) as origin,
        guarded(lookup=names_of(shop="127.0.0.1", other="127.0.0.1"), tls=trusting) as client,
    ):
        found = await client.download(f"https://shop.test:{origin.port}/a", into=tmp_path / "a")
        assert found.bytes == len(BODY)
        with pytest.raises(Permanent, match="tls_failed"):
            await client.download(f"https://other.test:{origin.port}/a", into=tmp_path / "b")


async def test_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    server, _ = certificate("shop.test", tmp_path)
    async with hostile_origin(tls=server) as origin, guarded(lookup=names_of(shop="127.0.0.1")) as client:
        with pytest.raises(Permanent, match="tls_failed"):
            await client.download(f"https://shop.test:{origin.port}/a", into=tmp_path / "a")


async def test_a_server_without_tls_is_tls_failed(client: GuardedClient, tmp_path: Path) -> None:
    async def answer_in_the_clear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_in_the_clear, "127.0.0.1", 0)
    async with server:
        with pytest.raises(Transient) as caught:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            await client.download(url, into=tmp_path / "a")
    assert (caught.value.problem, caught.value.attempts_max) == ("tls_failed", 2)


async def essentials(folder: Path) -> dict[str, str]:
    """Run one of each kind of outcome; return the problem per path, or `fine`."""
    server, trusting = certificate("shop.test", folder)
    outcomes = {}
    async with (
        hostile_origin() as origin,
        hostile_origin(tls=server) as secure,
        guarded(lookup=names_of(shop="127.0.0.1", inside="10.0.0.1"), tls=trusting) as client,
    ):
        urls = [origin.url(row[0]) for row in BAD_ANSWERS]
        urls += [origin.url("/a"), f"https://shop.test:{secure.port}/a", f"http://inside.test:{origin.port}/"]
        urls += ["http://127.0.0.2/", "http://[::1]/", "http://127.0.0.1:1/"]
        for number, url in enumerate(urls):
            label = str(number)
            try:
                await client.download(url, into=folder / label)
                outcomes[label] = "fine"
            except (Permanent, Transient) as problem:
                outcomes[label] = problem.problem
        outcomes["open sockets"] = str(client._sockets.open)
    outcomes["open sockets in the end"] = str(client._sockets.open)
    return outcomes


async def test_both_event_loops_behave_alike(tmp_path: Path) -> None:
    outcomes = []
    for name, runner in (("uvloop", uvloop.run), ("asyncio", asyncio.run)):
        folder = tmp_path / name
        folder.mkdir()
        outcomes.append(await asyncio.to_thread(runner, essentials(folder)))
    assert outcomes[0] == outcomes[1]
    assert [outcomes[0][str(number)] for number in range(len(BAD_ANSWERS))] == [row[2] for row in BAD_ANSWERS]
    assert outcomes[0]["open sockets in the end"] == "0"
