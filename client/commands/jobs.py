"""demo, submit and jobs: work that goes through Darkroom."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from client.answers import Options, Status
from client.connecting import open_gateway, place
from client.demo import find_faults, play
from client.demo_report import print_report, print_verdict
from client.gateway import FileFormat, Gateway, Refused
from client.progress import follow
from client.reading import HINTS, open_console, print_failures, state_of, table_of_rows, table_of_status
from client.submit import await_delivery, save_results, submit
from deploy.local.stack import Stack

INTERRUPTED = 130
DETAILED_IMAGES_MAX = 20_000
RESULT_FORMATS: tuple[FileFormat, ...] = ("csv", "zip")

console = open_console()
jobs = typer.Typer(no_args_is_help=True, help="Look at requests, run failed images again.")

Url = Annotated[str | None, typer.Option("--url", help="The gateway; DARKROOM_URL or the local stack by default.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Save the result CSV and ZIP in this folder.")]


def demo() -> None:
    """Start everything on this machine and send 72 images through it, some of them bad on purpose.

    Shows progress, a webhook whose signature is verified, the results and where they are. Exit code 0 only when all
    came out as it must. The stack stays up.

    [bold]Example[/bold]

      ./darkroom demo
    """
    played = play(console)
    faults = find_faults(played)
    print_report(console, played, Stack().urls)
    print_verdict(console, faults)
    raise typer.Exit(1 if faults else 0)


def submit_products(
    csv: Annotated[Path, typer.Argument(help="Columns: S. No., Product Name, Input Image Urls.")],
    webhook: Annotated[str | None, typer.Option(help="Called when the request has ended.")] = None,
    secret: Annotated[str | None, typer.Option(help="whsec_… that signs the webhook; else the account's.")] = None,
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="50 by default.")] = None,
    format: Annotated[Literal["jpeg", "png", "webp"] | None, typer.Option(help="jpeg by default.")] = None,
    max_side: Annotated[int | None, typer.Option(min=1, help="Longest side in pixels; else as it is.")] = None,
    operation: Annotated[
        Literal["compress", "copy"] | None, typer.Option(help="copy only fetches; compress by default.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Follow the request to its end.")] = False,
    output: Output = None,
    again: Annotated[bool, typer.Option("--again", help="Do it anew, though it was submitted before.")] = False,
    url: Url = None,
) -> None:
    """Submit a product CSV. Safe to run again: within a day, the same file with the same options finds its request.

    [bold]Examples[/bold]

      ./darkroom submit products.csv --watch

      ./darkroom submit products.csv --webhook https://shop.example/hook --output results

      ./darkroom submit products.csv --format webp --quality 70 --max-side 1600 --again
    """
    options = Options(
        webhook_url=webhook,
        webhook_secret=secret,
        quality=quality,
        format=format,
        max_side=max_side,
        operation=operation,
    )
    path = place(csv)
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}", param_hint="CSV")
    with open_gateway(url) as gateway:
        try:
            done = submit(gateway, path, options, again=again)
        except Refused as refused:
            _print_refusal(refused)
            raise typer.Exit(1) from None
        console.print(f"Request {done.accepted.request_id}: {done.status.images.total} images", soft_wrap=True)
        if done.was_there:
            console.print("It was submitted before; --again does it anew.")
        if watch or output:
            _watch(gateway, done.status.request_id, output, with_webhook=bool(done.accepted.webhook_url))
        else:
            console.print(f"Follow it: ./darkroom jobs status {done.status.request_id} --watch", soft_wrap=True)


def _print_refusal(refused: Refused) -> None:
    sys.stderr.write(f"darkroom: refused: {refused}\n")
    if hint := HINTS.get(refused.problem):
        sys.stderr.write(f"{hint}\n")
    if refused.errors:
        open_console(stderr=True).print(table_of_rows(refused))


@jobs.command()
def status(
    request_id: str,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")] = False,
    output: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
    url: Url = None,
) -> None:
    """Show where a request is, and why images failed. Exit code 1 when all of them failed.

    [bold]Example[/bold]

      ./darkroom jobs status 0198c0de-… --watch --output results
    """
    with open_gateway(url) as gateway:
        found = gateway.status(request_id)
        if as_json:
            sys.stdout.write(found.model_dump_json() + "\n")
        elif watch or output:
            _watch(gateway, request_id, output, with_webhook=False)
        else:
            _print_state(gateway, found)


@jobs.command()
def retry(request_id: str, watch: Annotated[bool, typer.Option("--watch", "-w")] = False, url: Url = None) -> None:
    """Run the failed images of a request again.

    [bold]Example[/bold]

      ./darkroom jobs retry 0198c0de-… --watch
    """
    with open_gateway(url) as gateway:
        console.print(gateway.retry(request_id).message)
        if watch:
            _watch(gateway, request_id, None, with_webhook=False)


def _watch(gateway: Gateway, request_id: str, output: Path | None, *, with_webhook: bool) -> None:
    """Follow a request to its end and bring its results; exit code 1 when every image failed."""
    try:
        last = follow(gateway.watch(request_id), console)
        _print_state(gateway, last)
        if with_webhook:
            delivery = await_delivery(gateway, request_id)
            console.print(f"Webhook: {state_of(delivery) if delivery else 'not sent yet'}", soft_wrap=True)
        for file in save_results(gateway, request_id, place(output), RESULT_FORMATS) if output else ():
            console.print(f"Saved {file}", soft_wrap=True)
    except KeyboardInterrupt:
        console.print(f"\nThe request goes on. Watch it: ./darkroom jobs status {request_id} --watch", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    if last.status == "failed":
        raise typer.Exit(1)


def _print_state(gateway: Gateway, found: Status) -> None:
    console.print(table_of_status(found))
    if found.images.failed and found.images.total <= DETAILED_IMAGES_MAX:
        console.print()
        print_failures(console, gateway.details(found.request_id))
