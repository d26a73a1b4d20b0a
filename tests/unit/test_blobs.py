"""Blobs on a local disk: who is told that they are durable, and when."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.blobs import LocalBlobs
from tests.eventually import eventually


class Disk:
    """A file system that is synced when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self._go_on = threading.Semaphore(0)

    def sync(self, _: Path) -> None:
        """Sync, once let."""
        self.begun += 1
        assert self._go_on.acquire(timeout=10)

    def finish(self) -> None:
        """Let one sync end."""
        self._go_on.release()

    def has_begun(self, syncs: int) -> Callable[[], None]:
        """An assertion that so many syncs have begun."""

        def begun() -> None:
            assert self.begun == syncs

        return begun


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def blobs(disk: Disk, tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path, disk.sync)


async def keep(blobs: LocalBlobs, digest: str) -> None:
    with blobs.staged() as path:
        path.write_bytes(digest.encode())
        await blobs.keep(path, digest)


async def test_what_is_kept_during_a_sync_is_durable_only_after_the_next(disk: Disk, blobs: LocalBlobs) -> None:
    await keep(blobs, "aa")
    first = asyncio.create_task(blobs.settle())
    await eventually(disk.has_begun(1))
    await keep(blobs, "bb")
    others = [asyncio.create_task(blobs.settle()) for _ in range(2)]
    disk.finish()
    await first
    await eventually(disk.has_begun(2))
    assert not any(other.done() for other in others)
    disk.finish()
    await asyncio.gather(*others)
    assert disk.begun == 2


async def test_who_comes_while_its_blob_is_being_synced_waits_for_that(disk: Disk, blobs: LocalBlobs) -> None:
    await keep(blobs, "aa")
    await keep(blobs, "bb")
    settling = [asyncio.create_task(blobs.settle()) for _ in range(2)]
    await eventually(disk.has_begun(1))
    await asyncio.sleep(0)
    assert not any(each.done() for each in settling)
    disk.finish()
    await asyncio.gather(*settling)
    assert disk.begun == 1


async def test_nothing_is_synced_when_nothing_was_kept(disk: Disk, blobs: LocalBlobs) -> None:
    await blobs.settle()
    assert disk.begun == 0
