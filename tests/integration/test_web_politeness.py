"""How hard the guarded client asks one host."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from shared.errors import Transient
from shared.web import GuardedClient
from tests.guarded_client import QUICK, guarded
from tests.hostile_origin import BODY, HostileOrigin, hostile_origin


@pytest.fixture
async def origin() -> AsyncIterator[HostileOrigin]:
    async with hostile_origin() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with guarded() as opened:
        yield opened


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_pauses_the_host_for_everybody(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, status: int, form: str
) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    value = "60" if form == "seconds" else quote(moment)
    with pytest.raises(Transient) as caught:
        await client.download(origin.url(f"/a?status={status}&retry_after={value}"), into=tmp_path / "a")
    assert caught.value.problem == ("rate_limited" if status == 429 else "http_503")
    assert caught.value.retry_after_seconds == pytest.approx(60, abs=3)
    for attempt in (
        client.download(origin.url("/b"), into=tmp_path / "b"),
        client.post(origin.url("/b"), body=b"", headers={}, total_seconds=1),
    ):
        with pytest.raises(Transient) as caught:
            await attempt
        assert caught.value.problem == "rate_limited"
        assert caught.value.retry_after_seconds == pytest.approx(60, abs=3)
    assert len(origin.requests) == 1


async def test_another_host_is_not_paused(client: GuardedClient, origin: HostileOrigin, tmp_path: Path) -> None:
    with pytest.raises(Transient):
        await client.download(origin.url("/a?status=429&retry_after=60"), into=tmp_path / "a")
    async with hostile_origin() as other:
        await client.download(other.url("/a"), into=tmp_path / "a")


async def test_so_many_requests_per_host_and_no_more(origin: HostileOrigin, tmp_path: Path) -> None:
    limits = replace(QUICK, per_host_connections=3, total_seconds=5, idle_seconds=5, host_wait_seconds=5)
    async with guarded(limits) as client, asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(client.download(origin.url("/gated"), into=tmp_path / str(number)))
        for _ in range(3):
            await origin.arrived.acquire()
        origin.gate.set()
    assert (origin.under_way_most, len(origin.requests)) == (3, 10)


async def test_waiting_in_line_does_not_use_up_the_deadline(origin: HostileOrigin, tmp_path: Path) -> None:
    """The second download waits longer than its own deadline, until the first has timed out, and succeeds."""
    limits = replace(QUICK, per_host_connections=1, host_wait_seconds=5)
    async with guarded(limits) as client:
        slow = replace(limits, total_seconds=0.4, idle_seconds=5)
        brief = replace(limits, total_seconds=0.2)
        first = asyncio.create_task(client.download(origin.url("/silent"), into=tmp_path / "a", limits=slow))
        await origin.arrived.acquire()
        second = await client.download(origin.url("/b"), into=tmp_path / "b", limits=brief)
        with pytest.raises(Transient, match="total_timeout"):
            await first
    assert second.bytes == len(BODY)


async def test_waiting_in_line_has_its_own_end(origin: HostileOrigin, tmp_path: Path) -> None:
    limits = replace(QUICK, per_host_connections=1, total_seconds=5, idle_seconds=5, host_wait_seconds=0.1)
    async with guarded(limits) as client:
        first = asyncio.create_task(client.download(origin.url("/gated"), into=tmp_path / "a"))
        await origin.arrived.acquire()
        with pytest.raises(Transient, match="rate_limited"):
            await client.download(origin.url("/b"), into=tmp_path / "b")
        origin.gate.set()
        await first
