"""up, down, status and logs: the local stack from the command line."""

import json
import select
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.table import Table

from client.reading import print_new_admin_key
from deploy.local.logs import last_lines
from deploy.local.stack import Row, Stack

NOTHING_RUNS = 3
FOLLOW_SECONDS = 0.2
COLOURS = {"healthy": "green", "not ready": "yellow", "silent": "red", "restarting": "red"}
MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS = 60, 3600, 86400

console = Console(highlight=False)


def up() -> None:
    """Start RabbitMQ, Postgres and the five services, and wait until they are healthy.

    Everything is private to this checkout, on free loopback ports, with its data in .darkroom (or DARKROOM_HOME).
    Servers that are missing are installed with apt-get where that is allowed.

    [bold]Examples[/bold]

      ./darkroom up

      DARKROOM_GATEWAY_PORT=9000 DARKROOM_HOME=/tmp/try ./darkroom up
    """
    stack = Stack()
    key_before = stack.admin_key
    with console.status("Starting") as status:

        def report(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                console.print(text)

        started = stack.start(report=report)
    console.print("[green]Darkroom is up.[/green]" if started else "Darkroom is already up.")
    _print_addresses(stack)
    print_new_admin_key(console, stack, key_before)
    if ill := [row.name for row in stack.status() if row.health != "healthy"]:
        console.print(f"[yellow]Not healthy: {', '.join(ill)}[/yellow] (see ./darkroom logs {ill[0]})")


def _print_addresses(stack: Stack) -> None:
    urls = stack.urls
    lines = {
        "API": f"{urls.gateway}/",
        "API documentation": f"{urls.gateway}/docs",
        "RabbitMQ console": f"{urls.management}/  login {urls.management_user} / {urls.management_password}",
        "Logs": str(stack.home.logs),
    }
    for label, value in lines.items():
        console.print(f"  {label:<18} {value}", soft_wrap=True)


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Also remove all data: jobs, images, messages, logs.")] = False,
) -> None:
    """End what up started, and nothing else. Data stays, unless --wipe is given.

    [bold]Examples[/bold]

      ./darkroom down

      ./darkroom down --wipe
    """
    stack = Stack()
    with console.status("Ending services, then RabbitMQ and Postgres"):
        ran = stack.stop(gently=not wipe)
        if wipe:
            stack.destroy()
    console.print("Darkroom is down." if ran else "Nothing was running.")
    if wipe:
        console.print("Its data is removed.")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per process, for scripts.")] = False,
) -> None:
    """Show each process with its port, health, age and restarts. Exit code 3 when nothing runs.

    [bold]Examples[/bold]

      ./darkroom status

      ./darkroom status --json
    """
    rows = Stack().status()
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(asdict(row)) + "\n")
    elif rows:
        console.print(_table(rows))
    else:
        console.print("Nothing is running; ./darkroom up starts it.")
    if not rows:
        raise typer.Exit(NOTHING_RUNS)


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("service", "pid", "port", "health", "uptime", "restarts"):
        table.add_column(column, justify="left" if column in ("service", "health") else "right")
    for row in rows:
        health = f"[{COLOURS[row.health]}]{row.health}[/]"
        age = readable_age(row.uptime_seconds)
        table.add_row(row.name, str(row.pid), str(row.port), health, age, str(row.restarts))
    return table


def readable_age(seconds: float) -> str:
    """An age in its two largest units: 42 s, 3 min 5 s, 2 h 7 min, 4 d 1 h."""
    whole = int(seconds)
    if whole < MINUTE_SECONDS:
        return f"{whole} s"
    if whole < HOUR_SECONDS:
        return f"{whole // MINUTE_SECONDS} min {whole % MINUTE_SECONDS} s"
    if whole < DAY_SECONDS:
        return f"{whole // HOUR_SECONDS} h {whole % HOUR_SECONDS // MINUTE_SECONDS} min"
    return f"{whole // DAY_SECONDS} d {whole % DAY_SECONDS // HOUR_SECONDS} h"


def logs(
    service: Annotated[
        str, typer.Argument(help="gateway, fetcher, enhancer, exporter, ledger, rabbitmq, postgres, supervisor.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines of each log.")] = 50,
) -> None:
    """Show the last lines of a log, or of all of them.

    [bold]Examples[/bold]

      ./darkroom logs gateway -n 200

      ./darkroom logs -f
    """
    folder = Stack().home.logs
    files = [folder / f"{service}.log"] if service else sorted(folder.glob("*.log"))
    known = sorted(file.stem for file in folder.glob("*.log"))
    if service and service not in known:
        raise typer.BadParameter(f"there is no log of '{service}' (there are: {', '.join(known) or 'none yet'})")
    for file in files:
        for line in last_lines(file, lines):
            _write(file, line, prefixed=not service)
    if follow:
        for file, line in _follow(files):
            _write(file, line, prefixed=not service)


def _write(file: Path, line: str, *, prefixed: bool) -> None:
    sys.stdout.write(f"{file.stem:<10} | {line}\n" if prefixed else f"{line}\n")
    sys.stdout.flush()


def _new_lines(file: BinaryIO) -> Iterator[str]:
    """What was written since the last look; from the start again when the log was turned."""
    position = file.tell()
    if file.seek(0, 2) < position:
        position = 0
    file.seek(position)
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), 1)
            return
        yield line.decode(errors="replace").rstrip("\n")


def _follow(files: list[Path]) -> Iterator[tuple[Path, str]]:
    opened = {path: path.open("rb") for path in files}
    for file in opened.values():
        file.seek(0, 2)
    while True:
        for path, file in opened.items():
            for line in _new_lines(file):
                yield path, line
        select.select([], [], [], FOLLOW_SECONDS)
