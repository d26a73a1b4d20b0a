"""What the demo says at its end: the figures, the failures with their reasons, and where everything is."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from client.demo import Played
from client.reading import table_of
from deploy.local.urls import Urls


def print_report(console: Console, played: Played, urls: Urls) -> None:
    """Print all of it."""
    console.print()
    console.print(_failures(played))
    console.print()
    console.print(_figures(played))
    console.print()
    for name, where in _places(played, urls).items():
        console.print(f"{name:<18} {where}", markup=False, soft_wrap=True)


def print_verdict(console: Console, faults: list[str]) -> None:
    """Say whether all came out as it must."""
    console.print()
    if not faults:
        console.print("[green]All as it must be.[/green] The stack stays up; ./darkroom down ends it.")
        return
    console.print("[red]Not as it must be:[/red]")
    for fault in faults:
        console.print(f"  {fault}", markup=False, soft_wrap=True)


def _failures(played: Played) -> Table:
    table = table_of("product", "image", "problem", "reason", title="Failures")
    for product in played.details.products:
        for image in product.images:
            if image.problem is not None:
                as_planned = played.planned.problems.get(image.input_url) == image.problem
                problem = f"[{'yellow' if as_planned else 'red'}]{image.problem}[/]"
                table.add_row(
                    escape(product.product_name), _short(image.input_url), problem, escape(image.detail or "")
                )
    return table


def _short(url: str) -> str:
    """A URL of this machine by its path only."""
    return url.removeprefix("http://127.0.0.1:").lstrip("0123456789") if "//127.0.0.1:" in url else url


def _figures(played: Played) -> Table:
    images = played.details.images
    webhooks = [each for each in played.webhooks if each.verified]
    percent = 100 * played.bytes_after / max(1, played.bytes_before)
    table = Table.grid(padding=(0, 2))
    table.add_row("Images", f"{images.total}: {images.completed} done, {images.failed} failed")
    table.add_row(
        "Bytes", f"{_megabytes(played.bytes_before)} before, {_megabytes(played.bytes_after)} after ({percent:.0f} %)"
    )
    table.add_row("Speed", f"{images.total / played.seconds:.1f} images/s ({played.seconds:.1f} s from upload to end)")
    table.add_row(
        "Webhook", f"{webhooks[0].message_id}, signature verified" if webhooks else "[red]none verified[/red]"
    )
    return table


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"


def _places(played: Played, urls: Urls) -> dict[str, str]:
    return {
        "Result CSV": str(played.csv),
        "Result ZIP": str(played.zip),
        "API": f"{urls.gateway}/",
        "API documentation": f"{urls.gateway}/docs",
        "RabbitMQ console": f"{urls.management}/  ({urls.management_user} / {urls.management_password})",
    }
