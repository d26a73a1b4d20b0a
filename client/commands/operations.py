"""queues, redrive: how the system stands, and dead letters back to where they failed."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from client.commands.accounts import AdminKey
from client.commands.jobs import Url
from client.connecting import open_operations
from client.operations import Outbox, Queue
from client.reading import moment, open_console, table_of

UNKNOWN = "-"

console = open_console()


def queues(
    all_queues: Annotated[bool, typer.Option("--all", help="Also those with nothing in them.")] = False,
    url: Url = None,
    admin_key: AdminKey = None,
) -> None:
    """Show queues, dead letters, what services have still to say, and what to do about it.

    [bold]Examples[/bold]

      ./darkroom queues

      ./darkroom queues --all
    """
    with open_operations(url, admin_key) as operations:
        found = operations.standing()
    shown = [queue for queue in found.queues or [] if all_queues or not queue.is_quiet]
    if shown:
        console.print(_table_of_queues(shown))
    elif found.queues:
        console.print(f"All {len(found.queues)} queues are empty and attended.")
    console.print(_table_of_outboxes(found.outboxes))
    for advice in found.recommendations:
        console.print(advice, markup=False, soft_wrap=True)


def redrive(
    queue: Annotated[str | None, typer.Option(help="Only of this queue; see ./darkroom queues.")] = None,
    problem: Annotated[str | None, typer.Option(help="Only those with this problem code.")] = None,
    url: Url = None,
    admin_key: AdminKey = None,
) -> None:
    """Put dead letters back where they failed; each has its effect once. Exit code 1 when some stay.

    [bold]Examples[/bold]

      ./darkroom redrive

      ./darkroom redrive --queue exporter.image.enhanced.v1

      ./darkroom redrive --problem internal_error
    """
    with open_operations(url, admin_key) as operations:
        done = operations.redrive(queue=queue, problem=problem)
    for line in done.lines:
        console.print(line, markup=False, soft_wrap=True)
    if done.skipped:
        raise typer.Exit(1)


def _table_of_queues(shown: list[Queue]) -> Table:
    table = table_of("queue", "ready", "unacked", "dead", "consumers", "in /s", "out /s")
    for column in table.columns[1:]:
        column.justify = "right"
    for queue in shown:
        dead = f"[red]{queue.dead}[/red]" if queue.dead else "0"
        unacked = UNKNOWN if queue.unacked is None else str(queue.unacked)
        rates = [UNKNOWN if rate is None else f"{rate:.1f}" for rate in (queue.publish_rate, queue.deliver_rate)]
        table.add_row(escape(queue.name), str(queue.ready), unacked, dead, str(queue.consumers), *rates)
    return table


def _table_of_outboxes(outboxes: list[Outbox]) -> Table:
    table = table_of("service", "to say", "since", "retries", "reported at")
    for found in outboxes:
        since = moment(found.oldest_at) if found.oldest_at else ""
        table.add_row(
            escape(found.service), str(found.rows), since, str(found.retries_waiting), moment(found.reported_at)
        )
    return table
