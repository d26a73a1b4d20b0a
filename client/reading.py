"""How answers of the gateway are put before people: tables for the command line."""

import sys
from collections import Counter
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from client.answers import Delivery, Details, Status
from client.gateway import Refused
from deploy.local.stack import Stack

FAILURES_MAX = 10
HINTS = {
    "address_forbidden": (
        "This machine and private networks are asked only where DARKROOM_FETCH_ALLOW says so:\n"
        "  ./darkroom down && DARKROOM_FETCH_ALLOW=127.0.0.1/32 ./darkroom up"
    )
}
"""What helps against a problem, where something does."""
PLAIN_COLUMNS = 160
"""Width of tables that no terminal shows: enough for a URL and a reason beside each other."""


def open_console(*, stderr: bool = False) -> Console:
    """Where a command prints: as wide as the terminal, or wide enough for logs."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if is_terminal else PLAIN_COLUMNS)


def table_of(*columns: str, title: str | None = None) -> Table:
    """An empty table in the style of the command line."""
    table = Table(title=title, title_justify="left", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def moment(time: datetime) -> str:
    """A moment in the time of the reader's machine."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"


def table_of_status(status: Status) -> Table:
    """Where a request is."""
    images = status.images
    table = Table.grid(padding=(0, 2))
    table.add_row("Request", status.request_id)
    table.add_row("Status", f"{status.status} ({status.message})")
    table.add_row(
        "Images", f"{images.total}: {images.completed} done, {images.failed} failed, {images.pending} to come"
    )
    table.add_row("Accepted", moment(status.created_at))
    table.add_row("Last news", moment(status.updated_at))
    return table


def print_failures(console: Console, details: Details) -> None:
    """Say which problems images had, the first of them one by one, and what helps."""
    failures = [(product, image) for product in details.products for image in product.images if image.problem]
    problems = Counter(image.problem for _, image in failures)
    console.print("Failed", ", ".join(f"{count} {problem}" for problem, count in problems.most_common()))
    table = table_of("product", "image", "problem", "reason", "attempts")
    for product, image in failures[:FAILURES_MAX]:
        texts = (product.product_name, image.input_url, image.problem or "", image.detail or "", str(image.attempts))
        table.add_row(*map(escape, texts))
    console.print(table)
    if len(failures) > FAILURES_MAX:
        console.print(f"and {len(failures) - FAILURES_MAX} more: see the column Problems of the result CSV")
    for problem in problems.keys() & HINTS.keys():
        console.print(HINTS[str(problem)], markup=False, soft_wrap=True)


def table_of_rows(refused: Refused) -> Table:
    """The bad rows of a CSV that was refused."""
    table = table_of("row", "column", "what is wrong")
    for error in refused.errors:
        table.add_row(*(escape(str(error.get(name) or "")) for name in ("row", "column", "message")))
    return table


def table_of_deliveries(deliveries: list[Delivery]) -> Table:
    """Every attempt at delivering, a line each."""
    table = table_of("message", "to", "state", "attempt", "at", "answer")
    for delivery in deliveries:
        table.add_row(delivery.message_id, delivery.url, state_of(delivery), "", "", "")
        for attempt in delivery.attempts:
            answer = f"HTTP {attempt.status}" if attempt.status else f"{attempt.problem}: {attempt.detail or ''}"
            table.add_row("", "", "", str(attempt.attempt), moment(attempt.attempted_at), answer)
    return table


def state_of(delivery: Delivery) -> str:
    """A delivery's state, and when it is tried next."""
    if delivery.next_attempt_at is None or delivery.state != "pending":
        return delivery.state
    return f"{delivery.state}, next attempt {moment(delivery.next_attempt_at)}"


def print_new_admin_key(console: Console, stack: Stack, known: str | None) -> None:
    """Say the admin key once, when the stack has made it since; `known` is what it was before."""
    key = stack.admin_key
    if key is None or key == known:
        return
    kept = stack.home.admin_key_file
    use = f"It makes accounts and keys (./darkroom accounts, ./darkroom keys). Kept in {kept}, not shown again."
    console.print(f"\n  Admin key          {key}\n  {use}", soft_wrap=True, markup=False)
