"""Blobs: bytes named by their SHA-256, durable before anybody speaks of them, the same whatever the store.

Work happens in local files: a writer asks for a `staged` path, fills it, and `keep`s it under its digest; before an
event names it, `settle` makes everything kept durable. On the local store keeping is a rename and settling one sync
for a whole batch of blobs; on S3, GCS or Azure (obstore) keeping is an upload. Repeating is harmless.
"""

import asyncio
import ctypes
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import obstore
from obstore.store import from_url

READ_BYTES = 1 << 18
DISK_THREADS = 8
_LIBC = ctypes.CDLL(None, use_errno=True)


class Blobs(ABC):
    """What every store can do."""

    def __init__(self, staging: Path) -> None:
        staging.mkdir(parents=True, exist_ok=True)
        self._staging = staging

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """A fresh path to write to, on the store's own file system; what is left there at the end is removed."""
        path = self._staging / uuid4().hex
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @abstractmethod
    async def keep(self, staged: Path, digest: str) -> None:
        """Make the staged file the blob `digest`; durable only after the next `settle`."""

    @abstractmethod
    async def settle(self) -> None:
        """Return when everything kept so far would survive the machine's death."""

    @abstractmethod
    def local(self, digest: str) -> AbstractAsyncContextManager[Path]:
        """A local path to read the blob from, for as long as the context lasts."""

    @abstractmethod
    def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The blob's bytes from `start` to before `end`, in pieces. Raises FileNotFoundError at the first."""


class LocalBlobs(Blobs):
    """Blobs as files in 256 folders.

    A file system is synced once for all blobs of a gathered commit (syncfs): a fifth of the work of an fsync for each
    and its folder. A blob that a dying machine left half written was never named by an event; it is recognised by its
    size, and replaced.
    """

    def __init__(self, root: Path, sync: Callable[[Path], None] | None = None) -> None:
        super().__init__(root / "staging")
        self._root = root
        self._sync = sync or _sync_file_system
        self._threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="blobs")
        self._kept = self._settled = 0
        self._settling = asyncio.Lock()
        for folder in range(256):
            (root / f"{folder:02x}").mkdir(exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the blob is, or would be."""
        return self._root / digest[:2] / digest

    async def keep(self, staged: Path, digest: str) -> None:
        """Rename, unless the blob is there."""
        _put(staged, self.path(digest))
        self._kept += 1

    async def settle(self) -> None:
        """Sync the file system, off the event loop; who comes while it is synced waits for the next time, together."""
        wanted = self._kept
        async with self._settling:
            if self._settled >= wanted:
                return
            covered = self._kept
            await asyncio.get_running_loop().run_in_executor(self._threads, self._sync, self._root)
            self._settled = covered

    @asynccontextmanager
    async def local(self, digest: str) -> AsyncIterator[Path]:
        """The blob itself."""
        yield self.path(digest)

    async def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Read off the event loop, piece by piece."""
        loop = asyncio.get_running_loop()
        file = await loop.run_in_executor(self._threads, self.path(digest).open, "rb")
        try:
            file.seek(start)
            left = (end - start) if end is not None else None
            while left is None or left > 0:
                wanted = READ_BYTES if left is None else min(READ_BYTES, left)
                piece: bytes = await loop.run_in_executor(self._threads, file.read, wanted)
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            file.close()


class RemoteBlobs(Blobs):
    """Blobs as objects of a store that obstore can reach."""

    def __init__(self, url: str, staging: Path) -> None:
        super().__init__(staging)
        self._store: Any = from_url(url)

    async def keep(self, staged: Path, digest: str) -> None:
        """Upload; the store answers when it is durable."""
        await obstore.put_async(self._store, _key(digest), staged)

    async def settle(self) -> None:
        """Nothing is left to do."""

    @asynccontextmanager
    async def local(self, digest: str) -> AsyncIterator[Path]:
        """A copy, for as long as it is needed."""
        with self.staged() as copy:
            with copy.open("wb") as file:
                async for piece in self.read(digest):
                    file.write(piece)
            yield copy

    async def read(self, digest: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Stream the object, or a range of it."""
        if start or end is not None:
            stop = end if end is not None else (await obstore.head_async(self._store, _key(digest)))["size"]
            for offset in range(start, stop, READ_BYTES):
                last = min(stop, offset + READ_BYTES)
                yield bytes(await obstore.get_range_async(self._store, _key(digest), start=offset, end=last))
            return
        found = await obstore.get_async(self._store, _key(digest))
        async for piece in found.stream(min_chunk_size=READ_BYTES):
            yield bytes(piece)


def open_blobs(url: str, staging: Path | None = None) -> Blobs:
    """The store behind `url`: file:///path, or any URL that obstore knows (s3://bucket/prefix, gs://, az://)."""
    if url.startswith("file://"):
        return LocalBlobs(Path(unquote(urlsplit(url).path)))
    return RemoteBlobs(url, staging or Path("/tmp/darkroom-staging"))  # noqa: S108


def _key(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _put(staged: Path, final: Path) -> None:
    try:
        if final.stat().st_size == staged.stat().st_size:
            return
    except FileNotFoundError:
        pass
    staged.replace(final)


def _sync_file_system(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs failed", str(root))
    finally:
        os.close(descriptor)
