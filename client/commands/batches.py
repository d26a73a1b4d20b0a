"""analyze and batches: CSVs of image URLs whose pictures are read."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from client.batch_answers import Batch, BatchOptions, BatchStatus, ExportFormat, Provider, format_of
from client.batch_tables import print_errors, table_of_batch, table_of_batches
from client.batches import PAGE, Batches
from client.commands import batch_steps
from client.commands.jobs import INTERRUPTED, Url
from client.connecting import open_batches, place
from client.progress import follow
from client.reading import open_console
from client.submit import analyze as submit

console = open_console()
batches = typer.Typer(no_args_is_help=True, help="Batches: list, follow, steer, run again, export, delete.")

BatchId = Annotated[str, typer.Argument(help="As ./darkroom batches list shows it.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Save the results in this file, or in this folder.")]
Format = Annotated[ExportFormat | None, typer.Option(help="Of the results; else as the file is named, else csv.")]


def analyze(
    csv: Annotated[Path, typer.Argument(help="With a column url, URL, image_url or link; others are carried along.")],
    name: Annotated[str | None, typer.Option(help="Batch_<date>_<time> by default.")] = None,
    provider: Annotated[Provider | None, typer.Option(help="Who reads the pictures; auto by default.")] = None,
    operation: Annotated[
        Literal["analyze", "copy"] | None, typer.Option(help="copy only fetches; analyze by default.")
    ] = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Work on it at once.")] = True,
    watch: Watch = False,
    out: Out = None,
    format: Format = None,
    webhook: Annotated[str | None, typer.Option(help="Called when the batch has ended.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Do it anew, though it was submitted before.")] = False,
    url: Url = None,
) -> None:
    """Have the pictures of a CSV of URLs read: text, shop name, contact, description. Safe to run again: within a day,
    the same file with the same options finds its batch.

    [bold]Examples[/bold]

      ./darkroom analyze shops.csv --watch

      ./darkroom analyze shops.csv --name "Main street" --provider gemini --out results.xlsx

      ./darkroom analyze shops.csv --no-start
    """
    path = place(csv)
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}", param_hint="CSV")
    if out and not start:
        raise typer.BadParameter("results come when it has ended: leave out --no-start", param_hint="--out")
    options = BatchOptions(
        batch_name=name, provider=provider, operation=operation, auto_start=start, webhook_url=webhook
    )
    with open_batches(url) as gateway:
        done = submit(gateway, path, options, again=again)
        made = done.created
        console.print(f"Batch {made.batch_id}: {made.total_urls} images, {made.status.lower()}", soft_wrap=True)
        if done.was_there:
            console.print("It was submitted before; --again does it anew.")
        if made.auto_start_error:
            console.print(f"It waits to be started: {made.auto_start_error}", markup=False, soft_wrap=True)
        if watch or out:
            _watch(gateway, made.batch_id)
            _save(gateway, made.batch_id, out, format)
            _expect_success(gateway.batch(made.batch_id))
        else:
            step = "show" if start else "start"
            console.print(f"Follow it: ./darkroom batches {step} {made.batch_id} --watch", soft_wrap=True)


@batches.command("list")
def list_batches(
    status: Annotated[BatchStatus | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="How many.")] = 20,
    hidden: Annotated[bool, typer.Option("--hidden", help="Also those that will be deleted soon.")] = False,
    url: Url = None,
) -> None:
    """Show the newest batches.

    [bold]Example[/bold]

      ./darkroom batches list --status processing
    """
    with open_batches(url) as gateway:
        found = gateway.newest(status=status, limit=limit, hidden=hidden)
    console.print(table_of_batches(found) if found else "There are no batches.")


@batches.command()
def show(
    batch_id: BatchId,
    watch: Watch = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
    url: Url = None,
) -> None:
    """Show where a batch is, and what went wrong in it. Exit code 1 when it ended without any success.

    [bold]Example[/bold]

      ./darkroom batches show 0198c0de-… --watch
    """
    with open_batches(url) as gateway:
        if as_json:
            sys.stdout.write(gateway.batch(batch_id).model_dump_json() + "\n")
            return
        if watch:
            _watch(gateway, batch_id)
        else:
            _print_state(gateway, batch_id)
        _expect_success(gateway.batch(batch_id))


@batches.command()
def start(batch_id: BatchId, watch: Watch = False, url: Url = None) -> None:
    """Start a batch that waits.

    [bold]Example[/bold]

      ./darkroom batches start 0198c0de-… --watch
    """
    with open_batches(url) as gateway:
        console.print(gateway.steer(batch_id, "start"), markup=False)
        if watch:
            _watch(gateway, batch_id)


for step in (batch_steps.pause, batch_steps.resume, batch_steps.cancel):
    batches.command()(step)


@batches.command()
def retry(batch_id: BatchId, watch: Watch = False, url: Url = None) -> None:
    """Run the failed images of a batch that has ended again.

    [bold]Example[/bold]

      ./darkroom batches retry 0198c0de-… --watch
    """
    with open_batches(url) as gateway:
        console.print(gateway.retry(batch_id), markup=False)
        if watch:
            _watch(gateway, batch_id)


@batches.command()
def clone(
    batch_id: BatchId,
    name: Annotated[str, typer.Argument(help="Of the new batch.")],
    copy_results: Annotated[bool, typer.Option("--copy-results", help="Run only what has no result yet.")] = False,
    url: Url = None,
) -> None:
    """Make a batch of the same URLs. It waits to be started.

    [bold]Example[/bold]

      ./darkroom batches clone 0198c0de-… "Main street, again" --copy-results
    """
    with open_batches(url) as gateway:
        made = gateway.clone(batch_id, name, copy_results=copy_results)
    console.print(f"Batch {made['new_batch_id']} is ready, with {made['results_copied']} results.", soft_wrap=True)
    console.print(f"Start it: ./darkroom batches start {made['new_batch_id']} --watch", soft_wrap=True)


batches.command()(batch_steps.delete)


@batches.command()
def export(
    batch_id: BatchId,
    out: Annotated[Path, typer.Option("--out", "-o", help="This file, or into this folder.")] = Path(),
    format: Format = None,
    success_only: Annotated[bool, typer.Option("--success-only", help="Without what failed.")] = False,
    failed_only: Annotated[bool, typer.Option("--failed-only", help="Only what failed.")] = False,
    url: Url = None,
) -> None:
    """Save a batch's results.

    [bold]Examples[/bold]

      ./darkroom batches export 0198c0de-… --out results.xlsx

      ./darkroom batches export 0198c0de-… --format json --failed-only
    """
    named = {"success_only": success_only, "failed_only": failed_only}
    with open_batches(url) as gateway:
        _save(gateway, batch_id, out, format, {name: "true" for name, is_on in named.items() if is_on})


def _watch(gateway: Batches, batch_id: str) -> None:
    """Follow a batch to its end."""
    try:
        follow(gateway.watch(batch_id), console)
    except KeyboardInterrupt:
        console.print(f"\nThe batch goes on. Watch it: ./darkroom batches show {batch_id} --watch", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    _print_state(gateway, batch_id)


def _print_state(gateway: Batches, batch_id: str) -> None:
    console.print(table_of_batch(gateway.batch(batch_id)))
    print_errors(console, gateway.analysis(batch_id))


def _save(
    gateway: Batches,
    batch_id: str,
    out: Path | None,
    format: ExportFormat | None,
    filters: dict[str, str] | None = None,
) -> None:
    if out is not None:
        into = place(out)
        into.parent.mkdir(parents=True, exist_ok=True)
        saved = gateway.export(batch_id, format_of(into, format), into, filters)
        console.print(f"Saved {saved}", soft_wrap=True)


def _expect_success(batch: Batch) -> None:
    """Exit code 1 when a batch has ended and nothing in it succeeded."""
    if batch.has_ended and batch.total_urls and not batch.successful_count:
        raise typer.Exit(1)
