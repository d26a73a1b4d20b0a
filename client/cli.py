"""The command line: ./darkroom <command>."""

import sys

import typer

from client.commands import accounts, batches, development, jobs, keys, operations, stack, tokens, webhooks
from shared.errors import DarkroomError

app = typer.Typer(
    name="darkroom",
    help="Event-driven batch image platform: start it, watch it, work on it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
WORK = "Work"
CALLERS = "Accounts and tokens"
OPERATIONS = "Operations"
LOCAL = "The local stack"
DEVELOPMENT = "Development"
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app.command(rich_help_panel=WORK)(jobs.demo)
app.command("submit", rich_help_panel=WORK)(jobs.submit_products)
app.add_typer(jobs.jobs, name="jobs", rich_help_panel=WORK)
app.command(rich_help_panel=WORK)(batches.analyze)
app.add_typer(batches.batches, name="batches", rich_help_panel=WORK)
app.add_typer(webhooks.webhooks, name="webhooks", rich_help_panel=WORK)
app.add_typer(accounts.accounts, name="accounts", rich_help_panel=CALLERS)
app.add_typer(keys.keys, name="keys", rich_help_panel=CALLERS)
app.add_typer(tokens.tokens, name="tokens", rich_help_panel=CALLERS)
app.command(rich_help_panel=OPERATIONS)(operations.queues)
app.command(rich_help_panel=OPERATIONS)(operations.redrive)
app.command(rich_help_panel=LOCAL)(stack.up)
app.command(rich_help_panel=LOCAL)(stack.down)
app.command(rich_help_panel=LOCAL)(stack.status)
app.command(rich_help_panel=LOCAL)(stack.logs)
app.command(rich_help_panel=DEVELOPMENT, context_settings=PASSED_ON)(development.test)
app.command(rich_help_panel=DEVELOPMENT)(development.lint)
app.command(rich_help_panel=DEVELOPMENT, context_settings=PASSED_ON)(development.bench)


def main() -> None:
    """Run a command; what goes wrong in the world is one sentence on stderr and exit code 1."""
    try:
        app(prog_name="darkroom")
    except DarkroomError as error:
        sys.stderr.write(f"darkroom: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
