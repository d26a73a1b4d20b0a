"""What is done with several batches at once: pause, resume, cancel, delete."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from client.batches import Batches, Step
from client.calls import Refused
from client.commands.jobs import Url
from client.connecting import open_batches
from client.reading import open_console

RETENTION_DAYS_MAX = 3650

console = open_console()

BatchIds = Annotated[list[str], typer.Argument(metavar="BATCH_ID...", help="One or more.")]


def pause(batch_ids: BatchIds, url: Url = None) -> None:
    """Pause batches: what is under way ends, nothing more begins.

    [bold]Example[/bold]

      ./darkroom batches pause 0198c0de-…
    """
    _steer(batch_ids, "pause", url)


def resume(batch_ids: BatchIds, url: Url = None) -> None:
    """Go on with paused batches.

    [bold]Example[/bold]

      ./darkroom batches resume 0198c0de-…
    """
    _steer(batch_ids, "resume", url)


def cancel(batch_ids: BatchIds, url: Url = None) -> None:
    """Stop batches for good; the results so far stay.

    [bold]Example[/bold]

      ./darkroom batches cancel 0198c0de-…
    """
    _steer(batch_ids, "cancel", url)


def delete(
    batch_ids: BatchIds,
    force: Annotated[bool, typer.Option("--force", help="Also while it is worked on.")] = False,
    keep_days: Annotated[
        int | None, typer.Option(min=0, max=RETENTION_DAYS_MAX, help="Hide it now, delete it in so many days.")
    ] = None,
    url: Url = None,
) -> None:
    """Delete batches with their results, for good.

    [bold]Examples[/bold]

      ./darkroom batches delete 0198c0de-… --force

      ./darkroom batches delete 0198c0de-… --keep-days 30
    """

    def remove(gateway: Batches, batch_id: str) -> str:
        if keep_days is not None:
            return gateway.hide(batch_id, keep_days)
        gateway.delete(batch_id, force=force)
        return f"Batch {batch_id} is deleted."

    _each(batch_ids, url, remove)


def _steer(batch_ids: list[str], step: Step, url: str | None) -> None:
    _each(batch_ids, url, lambda gateway, batch_id: gateway.steer(batch_id, step))


def _each(batch_ids: list[str], url: str | None, act: Callable[[Batches, str], str]) -> None:
    """Do it with every batch, and say how it went; exit code 1 when one was refused."""
    refused = 0
    with open_batches(url) as gateway:
        for batch_id in batch_ids:
            try:
                console.print(act(gateway, batch_id), markup=False, soft_wrap=True)
            except Refused as error:
                refused += 1
                sys.stderr.write(f"darkroom: {error}\n")
    if refused:
        raise typer.Exit(1)
