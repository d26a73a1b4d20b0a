"""Images and their result table in one archive: stored, streamed to disk, ZIP64 where it must be.

The caller's task reads the blobs, the writing thread names and stores them; neither holds more than a few megabytes.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from io import TextIOWrapper
from itertools import chain
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO

from services.exporter.formats.archive import CHUNK_BYTES, Archive, read_chunks
from services.exporter.formats.csv import ENCODING_ERRORS, write_table
from services.exporter.pages import hand_over
from services.exporter.results import Layout, Pages, ResultRow, Written, products_of
from shared.errors import Transient
from shared.names import NameRegister, safe_name

TABLE_NAME = "results.csv"
PARCEL_BYTES = 1 << 20
PARCEL_PARTS_MAX = 1_000

ReadBlob = Callable[[str], AsyncIterator[bytes] | Path]
# A row; when it has a blob, what the blob holds (bytes, or the local file with them) and then None.
Part = ResultRow | bytes | Path | None


async def write_zip(
    pages: Pages, path: Path, *, read_blob: ReadBlob, layout: Layout = "standard", with_problems: bool = False
) -> Written:
    """Write every succeeded image and `results.csv` to `path`.

    read_blob: the content of a blob key, as chunks or as a local file.
    Raises Transient `blob_incomplete` when a blob is not as long as its row says.
    """
    save = partial(_save, path=path, layout=layout, with_problems=with_problems)
    async with aclosing(_parcels(_parts(pages, read_blob))) as parcels:
        return await hand_over(parcels, save)


async def _parts(pages: Pages, read_blob: ReadBlob) -> AsyncIterator[Part]:
    async for page in pages:
        for row in page:
            yield row
            if not is_stored(row):
                continue
            content = read_blob(row.blob or "")
            if isinstance(content, Path):
                yield content
            else:
                async for chunk in content:
                    yield chunk
            yield None


async def _parcels(parts: AsyncIterator[Part]) -> AsyncGenerator[list[Part], None]:
    """Gather parts, because handing over small ones one by one costs more than storing them."""
    parcel: list[Part] = []
    size = 0
    async for part in parts:
        parcel.append(part)
        size += len(part) if isinstance(part, bytes) else 0
        if size >= PARCEL_BYTES or len(parcel) >= PARCEL_PARTS_MAX:
            yield parcel
            parcel, size = [], 0
    yield parcel


def _save(parcels: Iterator[list[Part]], *, path: Path, layout: Layout, with_problems: bool) -> Written:
    folder = path.parent
    with path.open("wb") as file, TemporaryFile(dir=folder) as directory, TemporaryFile(dir=folder) as table:
        archive = Archive(file, directory)
        images = _Images(archive, chain.from_iterable(parcels))
        with TextIOWrapper(table, encoding="utf-8", errors=ENCODING_ERRORS, newline="") as text:
            rows = write_table(products_of(images.rows()), text, layout=layout, with_problems=with_problems)
            text.flush()
            _append_table(archive, table)
        archive.finish()
    return Written(rows=rows, images=images.stored)


def _append_table(archive: Archive, table: BinaryIO) -> None:
    size = table.tell()
    table.seek(0)
    archive.store(TABLE_NAME, read_chunks(table), size)


class _Images:
    """Stores each image while its row passes by on the way to the table."""

    def __init__(self, archive: Archive, parts: Iterator[Part]) -> None:
        self.stored = 0
        self._archive = archive
        self._parts = parts
        self._names = NameRegister()
        self._names.claim(TABLE_NAME)

    def rows(self) -> Iterator[ResultRow]:
        """The rows in their order; each one's image is in the archive when it is yielded."""
        for row in self._parts:
            assert isinstance(row, ResultRow)
            if is_stored(row):
                self._store(row)
            yield row

    def _store(self, row: ResultRow) -> None:
        name = self._names.claim(name_of(row))
        size = self._archive.store(name, self._content(), row.output_bytes)
        if row.output_bytes not in (None, size):
            raise Transient("blob_incomplete", f"{row.blob} has {size} bytes instead of {row.output_bytes}.")
        self.stored += 1

    def _content(self) -> Iterator[bytes]:
        for part in iter(partial(next, self._parts), None):
            if isinstance(part, Path):
                with part.open("rb", buffering=CHUNK_BYTES) as file:
                    yield from read_chunks(file)
            else:
                assert isinstance(part, bytes)
                yield part


def is_stored(row: ResultRow) -> bool:
    """Whether the row has an image to hand over."""
    return row.state == "succeeded" and row.blob is not None


def name_of(row: ResultRow) -> str:
    """`<product name>-<position from 1>` with the extension of the image's own name."""
    extension = PurePosixPath(row.image_name or "").suffix.lower() or ".bin"
    return safe_name(row.item_name, extension, suffix=f"-{row.position + 1}")
