"""How a job's progress is shown: a bar at a terminal, a line now and then anywhere else."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from client.answers import ImageCounts

LINE_SECONDS = 5.0
LINES_MAX = 5
"""A fast job says this many lines at most on its way."""


class News(Protocol):
    """Where something is that consists of images."""

    @property
    def status(self) -> str:
        """One word."""

    @property
    def images(self) -> ImageCounts:
        """How many images are in which state."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen by itself."""


Told = TypeVar("Told", bound=News)
Show = Callable[[News], None]


class Speed:
    """Images per second since the first news."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def after(self, status: News, now: float) -> float:
        """The speed with this news; now in seconds."""
        started, ended = self._first = self._first or (now, status.images.ended)
        return (status.images.ended - ended) / (now - started) if now > started else 0.0


def follow(news: Iterable[Told], console: Console) -> Told:
    """Show news until there is none any more; gives the last."""
    last = None
    with shown(console) as show:
        for last in news:
            show(last)
    assert last is not None
    return last


@contextmanager
def shown(console: Console) -> Iterator[Show]:
    """Show each status that the block hands over."""
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[green]{task.fields[done]} done[/green]  [red]{task.fields[failed]} failed[/red]"),
        TextColumn("{task.fields[speed]:.1f} images/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _bar(progress)


def _bar(progress: Progress) -> Show:
    task = progress.add_task("pending", total=None, done=0, failed=0, speed=0.0)
    speed = Speed()

    def show(status: News) -> None:
        progress.update(
            task,
            description=status.status,
            total=status.images.total,
            completed=status.images.ended,
            done=status.images.completed,
            failed=status.images.failed,
            speed=speed.after(status, time.monotonic()),
        )

    return show


def _lines(console: Console) -> Show:
    speed, said_at, said = Speed(), 0.0, -1

    def show(status: News) -> None:
        nonlocal said_at, said
        now, images = time.monotonic(), status.images
        per_second, step = speed.after(status, now), images.total / LINES_MAX
        has_moved = images.ended - said >= step or now - said_at >= LINE_SECONDS
        if not (has_moved or status.has_ended or said < 0):
            return
        said_at, said = now, images.ended
        console.print(
            f"{status.status}: {images.ended} of {images.total} images "
            f"({images.completed} done, {images.failed} failed), {per_second:.1f} images/s",
            soft_wrap=True,
        )

    return show
