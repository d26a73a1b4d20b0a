"""How batches are put before people: tables for the command line."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from client.batch_answers import Analysis, Batch
from client.reading import HINTS, moment, table_of

ERRORS_MAX = 10


def table_of_batch(batch: Batch) -> Table:
    """Where a batch is."""
    images, table = batch.images, Table.grid(padding=(0, 2))
    table.add_row("Batch", batch.batch_id)
    table.add_row("Name", escape(batch.batch_name))
    table.add_row("Status", batch.status + (f" ({escape(batch.error_message)})" if batch.error_message else ""))
    table.add_row(
        "Images", f"{images.total}: {images.completed} done, {images.failed} failed, {images.pending} to come"
    )
    if batch.processed_count:
        table.add_row("Success", f"{batch.success_rate:.1f} %")
    if batch.processing_rate_per_minute:
        table.add_row("Speed", f"{batch.processing_rate_per_minute:.0f} images/min")
    table.add_row("Created", moment(batch.created_at))
    if batch.completed_at:
        table.add_row("Ended", moment(batch.completed_at))
    elif batch.estimated_completion:
        table.add_row("Done about", moment(batch.estimated_completion))
    return table


def table_of_batches(batches: Iterable[Batch]) -> Table:
    """Batches, a line each."""
    table = table_of("batch", "name", "status", "images", "done", "failed", "success", "created")
    for batch in batches:
        success = f"{batch.success_rate:.1f} %" if batch.processed_count else "-"
        counts = (str(each) for each in (batch.total_urls, batch.successful_count, batch.failed_count))
        table.add_row(
            batch.batch_id, escape(batch.batch_name), batch.status, *counts, success, moment(batch.created_at)
        )
    return table


def print_errors(console: Console, analysis: Analysis) -> None:
    """Say which problems images had, how often, and what helps."""
    if not analysis.total_errors:
        return
    table = table_of("problem", "images", "share")
    for error in analysis.top_errors[:ERRORS_MAX]:
        table.add_row(escape(error.error_type), str(error.count), f"{error.percentage:.1f} %")
    console.print()
    console.print(table)
    for advice in analysis.recommendations:
        console.print(advice, markup=False, soft_wrap=True)
    for error in analysis.top_errors:
        if hint := HINTS.get(error.error_type):
            console.print(hint, markup=False, soft_wrap=True)
