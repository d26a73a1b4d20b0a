"""Redirects, each hop judged anew."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from shared.errors import Permanent, Transient
from shared.web import GuardedClient
from tests.guarded_client import QUICK, guarded, names_of
from tests.hostile_origin import HostileOrigin, hostile_origin


@pytest.fixture
async def origin() -> AsyncIterator[HostileOrigin]:
    async with hostile_origin() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with guarded() as opened:
        yield opened


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, status: int
) -> None:
    url = origin.url(f"/a?status={status}&location=/b")
    found = await client.download(url, into=tmp_path / "a")
    assert found.url == origin.url("/b")
    assert [request.path for request in origin.requests] == ["/a", "/b"]


def chain(origin: HostileOrigin, hops: int) -> str:
    url = origin.url("/end")
    for _ in range(hops):
        url = origin.url(f"/hop?status=302&location={quote(url, safe='')}")
    return url


async def test_five_redirects_are_followed_and_six_are_not(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    assert (await client.download(chain(origin, 5), into=tmp_path / "a")).url == origin.url("/end")
    with pytest.raises(Permanent, match="too_many_redirects"):
        await client.download(chain(origin, 6), into=tmp_path / "b")


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("http://127.0.0.2/", "address_forbidden"),
        ("http://169.254.169.254/latest/meta-data/", "address_forbidden"),
        ("http://[::1]/", "address_forbidden"),
        ("//10.0.0.1/", "address_forbidden"),
        ("http://inside.test/", "address_forbidden"),
        ("http://127.1/", "redirect_invalid"),
        ("http://user@127.0.0.1/", "redirect_invalid"),
        ("file:///etc/passwd", "redirect_invalid"),
        ("gopher://127.0.0.1/", "redirect_invalid"),
    ],
)
async def test_redirects_to_forbidden_places_are_refused(
    origin: HostileOrigin, tmp_path: Path, location: str, problem: str
) -> None:
    async with guarded(lookup=names_of(inside="10.0.0.1")) as client:
        url = origin.url(f"/a?status=302&location={quote(location, safe='')}")
        with pytest.raises(Permanent) as caught:
            await client.download(url, into=tmp_path / "a")
    assert caught.value.problem == problem
    assert len(origin.requests) == 1


async def test_the_deadline_covers_all_hops(client: GuardedClient, origin: HostileOrigin, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="total_timeout"):
        await client.download(
            origin.url("/a?status=302&location=/dripping"),
            into=tmp_path / "a",
            limits=replace(QUICK, total_seconds=0.2),
        )
