"""Handing pages to the writing thread: order, back-pressure, failures on either side, cancellation."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.exporter.formats import FORMATS, Options
from services.exporter.pages import PAGES_AHEAD_MAX, Abandoned, hand_over
from tests.unit.result_rows import chair_and_table, pages


async def _numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_pages_arrive_in_order_in_another_thread() -> None:
    def write(numbers: Iterator[int]) -> tuple[list[int], int]:
        return list(numbers), threading.get_ident()

    numbers, thread = await hand_over(_numbers(50), write)
    assert numbers == list(range(50))
    assert thread != threading.get_ident()


async def test_reading_stays_a_few_pages_ahead_of_writing() -> None:
    read = 0
    ahead: list[int] = []

    async def counted() -> AsyncIterator[int]:
        nonlocal read
        for number in range(40):
            read += 1
            yield number

    def write(numbers: Iterator[int]) -> None:
        ahead.extend(read - number for number in numbers)

    await hand_over(counted(), write)
    # waiting in the queue, one in the reader's hand, one in the writer's, one whose room was given back
    assert max(ahead) <= PAGES_AHEAD_MAX + 3


async def test_a_writer_that_fails_stops_the_reading() -> None:
    def write(numbers: Iterator[int]) -> None:
        next(numbers)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        await hand_over(_numbers(1_000_000_000), write)


async def test_a_reader_that_fails_lets_the_writer_clean_up() -> None:
    cleaned: list[type[BaseException]] = []

    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError("database gone")

    with pytest.raises(ConnectionError, match="database gone"):
        await hand_over(broken(), lambda numbers: _draining(numbers, cleaned))
    assert cleaned == [Abandoned]


async def test_a_cancelled_caller_returns_when_the_writer_has_let_go() -> None:
    cleaned: list[type[BaseException]] = []
    started = asyncio.Event()

    async def endless() -> AsyncIterator[int]:
        yield 1
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(hand_over(endless(), lambda numbers: _draining(numbers, cleaned)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [Abandoned]


def _draining(numbers: Iterator[int], cleaned: list[type[BaseException]]) -> None:
    try:
        for _ in numbers:
            pass
    except BaseException as error:
        cleaned.append(type(error))
        raise


@pytest.mark.parametrize("name", ["csv", "json", "xlsx", "zip"])
async def test_every_format_of_the_table_writes_its_file(tmp_path: Path, name: str) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"image")
    kind = FORMATS[name]
    path = tmp_path / f"results.{kind.extension}"
    written = await kind.write(pages(chair_and_table()), path, Options(lambda _: blob, with_problems=True))
    assert written.rows == 2
    assert path.read_bytes()[:2] == {"csv": b"S.", "json": b"[\n", "xlsx": b"PK", "zip": b"PK"}[name]


async def test_the_legacy_layout_never_has_the_column_of_reasons(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    options = Options(lambda _: path, layout="legacy", with_problems=True)
    await FORMATS["csv"].write(pages(chair_and_table()), path, options)
    assert "Problems" not in path.read_text(encoding="utf-8")
