"""The archive: read by zipfile, by unzip where it is installed, and record by record."""

import asyncio
import csv
import io
import shutil
import struct
import subprocess
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from services.exporter.formats.archive import Archive
from services.exporter.formats.zip import write_zip
from services.exporter.results import Written
from shared.errors import Transient
from tests.unit.result_rows import chair_and_table, failed, pages, row

ENTRIES_WITHOUT_ZIP64_MAX = 65_535


def _content(blob: str) -> bytes:
    return f"{blob}:".encode() + bytes(range(256)) * 40


async def _stream(blob: str) -> AsyncIterator[bytes]:
    content = _content(blob)
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def _files_in(folder: Path) -> Callable[[str], Path]:
    def file_of(blob: str) -> Path:
        path = folder / blob
        path.write_bytes(_content(blob))
        return path

    return file_of


def _local_headers(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Name, flags and method of every local header, found through the directory: a reader that shares no code."""
    at = data.index(b"PK\x01\x02")
    while data[at : at + 4] == b"PK\x01\x02":
        name_bytes, extra_bytes, comment_bytes = struct.unpack_from("<HHH", data, at + 28)
        (offset,) = struct.unpack_from("<I", data, at + 42)
        assert data[offset : offset + 4] == b"PK\x03\x04"
        flags, method = struct.unpack_from("<HH", data, offset + 6)
        (length,) = struct.unpack_from("<H", data, offset + 26)
        name = data[offset + 30 : offset + 30 + length]
        assert name == data[at + 46 : at + 46 + name_bytes]
        yield name.decode("utf-8"), flags, method
        at += 46 + name_bytes + extra_bytes + comment_bytes


@pytest.mark.parametrize("local", [True, False])
async def test_images_are_named_after_product_and_position_with_the_table_beside_them(
    tmp_path: Path, local: bool
) -> None:
    path = tmp_path / "out" / "results.zip"
    path.parent.mkdir()
    read_blob = _files_in(tmp_path) if local else _stream
    written = await write_zip(pages(chair_and_table()), path, read_blob=read_blob, with_problems=True)
    assert written == Written(rows=2, images=2)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["Chair_ red-1.jpg", "Table _Höhe_ 東京-1.jpg", "results.csv"]
        assert archive.read("Chair_ red-1.jpg") == _content("blob-1")
        assert archive.read("Table _Höhe_ 東京-1.jpg") == _content("blob-3")
        table = list(csv.reader(io.TextIOWrapper(archive.open("results.csv"), encoding="utf-8", newline="")))
    assert table[1][4] == "2: http_404 The server answered 404."
    assert [name.name for name in path.parent.iterdir()] == ["results.zip"]


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs unzip")
async def test_unzip_finds_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "results.zip"
    await write_zip(pages(chair_and_table()), path, read_blob=_stream)
    unzip = await asyncio.create_subprocess_exec("unzip", "-t", path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await unzip.communicate()
    assert unzip.returncode == 0
    assert b"No errors detected" in said


async def test_entries_are_stored_with_utf8_names(tmp_path: Path) -> None:
    path = tmp_path / "results.zip"
    await write_zip(pages(chair_and_table()), path, read_blob=_stream)
    headers = list(_local_headers(path.read_bytes()))
    assert [name for name, _, _ in headers] == ["Chair_ red-1.jpg", "Table _Höhe_ 東京-1.jpg", "results.csv"]
    assert {method for _, _, method in headers} == {0}
    assert [bool(flags & 0x800) for _, flags, _ in headers] == [False, True, False]


async def test_products_of_the_same_name_keep_all_their_images(tmp_path: Path) -> None:
    path = tmp_path / "results.zip"
    rows = [row(1, item_name="Chair"), row(2, item_name="CHAIR"), row(3, item_name="../../chair")]
    await write_zip(pages(rows), path, read_blob=_stream)
    names = zipfile.ZipFile(path).namelist()
    assert names == ["Chair-1.jpg", "CHAIR-1_1.jpg", "_.._chair-1.jpg", "results.csv"]


async def test_a_blob_shorter_than_its_row_says_fails_the_export(tmp_path: Path) -> None:
    rows = [row(1, output_bytes=len(_content("blob-1")) + 1)]
    with pytest.raises(Transient) as failure:
        await write_zip(pages(rows), tmp_path / "results.zip", read_blob=_stream)
    assert failure.value.problem == "blob_incomplete"


async def test_a_blob_that_cannot_be_read_fails_the_export(tmp_path: Path) -> None:
    async def broken(blob: str) -> AsyncIterator[bytes]:
        yield b"begins"
        raise Transient("connection_reset", blob)

    with pytest.raises(Transient, match="connection_reset: blob-1"):
        await write_zip(pages([row(1)]), tmp_path / "results.zip", read_blob=broken)
    with pytest.raises(FileNotFoundError):
        await write_zip(pages([row(1)]), tmp_path / "results.zip", read_blob=lambda blob: tmp_path / blob)


async def test_a_job_without_images_gives_the_table_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.zip"
    assert await write_zip(pages([failed(1)]), path, read_blob=_stream) == Written(rows=1)
    assert zipfile.ZipFile(path).namelist() == ["results.csv"]


def test_more_entries_than_the_old_format_counts_are_kept(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file, (tmp_path / "directory").open("w+b") as directory:
        archive = Archive(file, directory)
        for number in range(ENTRIES_WITHOUT_ZIP64_MAX + 1):
            archive.store(f"{number}.jpg", (b"x",), 1)
        archive.finish()
        reader = zipfile.ZipFile(file)
        assert len(reader.infolist()) == ENTRIES_WITHOUT_ZIP64_MAX + 1
        assert reader.read(f"{ENTRIES_WITHOUT_ZIP64_MAX}.jpg") == b"x"


def test_the_directory_is_kept_on_disk_until_the_end(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file, (tmp_path / "directory").open("w+b") as directory:
        archive = Archive(file, directory)
        for number in range(3):
            archive.store(f"{number}.jpg", [b"image"], 5)
        assert directory.tell() > 3 * 46
        archive.finish()
        assert zipfile.ZipFile(file).namelist() == ["0.jpg", "1.jpg", "2.jpg"]
