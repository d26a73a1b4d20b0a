"""Where the guarded client goes, and where it does not."""

import socket
import traceback
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest

from shared.connections import JudgedSockets, judged_request
from shared.errors import Permanent, Transient
from shared.web import Allowance, GuardedClient
from tests.guarded_client import LOCAL, guarded, names_of
from tests.hostile_origin import HostileOrigin, hostile_origin


@pytest.fixture
async def origin() -> AsyncIterator[HostileOrigin]:
    async with hostile_origin() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with guarded() as opened:
        yield opened


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.2]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://8.8.8.8:22/",
    ],
)
async def test_forbidden_addresses_are_refused(client: GuardedClient, tmp_path: Path, url: str) -> None:
    with pytest.raises(Permanent, match="address_forbidden"):
        await client.download(url, into=tmp_path / "a")
    with pytest.raises(Permanent, match="address_forbidden"):
        await client.post(url, body=b"{}", headers={}, total_seconds=1)


async def test_loopback_is_closed_unless_it_was_opened(origin: HostileOrigin, tmp_path: Path) -> None:
    async with guarded(allowance=Allowance()) as client:
        with pytest.raises(Permanent, match="address_forbidden"):
            await client.download(origin.url("/a"), into=tmp_path / "a")
    other_port = Allowance.parse(f"127.0.0.1/32:{origin.port + 1}")
    async with guarded(allowance=other_port) as client:
        with pytest.raises(Permanent, match="address_forbidden"):
            await client.download(origin.url("/a"), into=tmp_path / "a")
    assert origin.connections == 0


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_proxies_of_the_environment_are_ignored(
    origin: HostileOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv(proxy, "http://127.0.0.1:1")
    async with guarded() as client:
        await client.download(origin.url("/a"), into=tmp_path / "a")
    assert len(origin.requests) == 1


async def test_a_name_is_connected_to_where_it_was_judged_with_its_own_host_header(
    origin: HostileOrigin, tmp_path: Path
) -> None:
    async with guarded(lookup=names_of(shop="127.0.0.1")) as client:
        found = await client.download(f"http://shop.test:{origin.port}/a", into=tmp_path / "a")
    assert found.url == f"http://shop.test:{origin.port}/a"
    assert origin.requests[0].headers["host"] == f"shop.test:{origin.port}"


@pytest.mark.parametrize("address", ["127.0.0.2", "10.0.0.1", "::1", "169.254.169.254"])
async def test_a_name_that_leads_inside_is_refused(origin: HostileOrigin, tmp_path: Path, address: str) -> None:
    async with guarded(lookup=names_of(shop=address)) as client:
        with pytest.raises(Permanent, match="address_forbidden"):
            await client.download(f"http://shop.test:{origin.port}/a", into=tmp_path / "a")


async def test_a_name_that_changes_its_mind_gains_nothing(tmp_path: Path) -> None:
    """DNS rebinding: a good answer for the judge, and a bad one should anybody ask again."""
    asked: list[str] = []

    async def rebinding(name: str) -> Sequence[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with hostile_origin("127.0.0.1") as good, guarded(lookup=rebinding) as client:
        for _ in range(2):
            await client.download(f"http://shop.test:{good.port}/a", into=tmp_path / "a")
    assert asked == ["shop.test"]


async def test_an_unknown_name_is_dns_failed(client: GuardedClient, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="dns_failed"):
        await client.download("http://no-such-name.invalid:8000/", into=tmp_path / "a")


async def test_no_socket_is_made_for_a_forbidden_address() -> None:
    sockets = JudgedSockets(LOCAL)
    with pytest.raises(Permanent, match="address_forbidden"):
        sockets.make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.2", 80)))
    assert sockets.open == 0


async def test_not_a_word_is_said_to_a_forbidden_peer(origin: HostileOrigin) -> None:
    """The last guard alone: a connection that somehow got past all others."""
    async with aiohttp.ClientSession(request_class=judged_request(Allowance())) as session:
        with pytest.raises(Permanent, match="address_forbidden"):
            await session.get(origin.url("/a"))
    assert origin.requests == []


@pytest.mark.parametrize("path", ["/not-http", "/reset-at-once", "/silent", "/a?status=302&location=http://%00"])
async def test_secrets_of_a_url_are_not_repeated(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, path: str
) -> None:
    secret = "hunter" + "2"
    joint = "&" if "?" in path else "?"
    with pytest.raises((Permanent, Transient)) as caught:
        await client.download(origin.url(f"{path}{joint}token={secret}"), into=tmp_path / "a")
    assert secret not in "".join(traceback.format_exception(caught.value))
