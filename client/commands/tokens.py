"""tokens: what accounts have, giving them more, and whether the books are right."""

from typing import Annotated

import typer

from client.commands.accounts import AdminKey
from client.commands.jobs import Url
from client.connecting import open_tokens
from client.reading import open_console
from client.token_tables import table_of_balance, table_of_books, table_of_statement
from client.tokens import Reason

LINES_MAX = 200

console = open_console()
tokens = typer.Typer(no_args_is_help=True, help="Tokens: what accounts have, grants, whether the books are right.")

Account = Annotated[str, typer.Argument(metavar="[ACCOUNT]", help="The account; local by default.")]


@tokens.command()
def grant(
    account: Annotated[str, typer.Argument(help="Whom to give them.")],
    amount: Annotated[int, typer.Argument(min=1, max=1_000_000_000, help="How many.")],
    reason: Annotated[Reason, typer.Option(help="How the statement calls it.")] = "bonus",
    note: Annotated[str, typer.Option(help="Stands beside it in the statement.")] = "",
    url: Url = None,
    admin_key: AdminKey = None,
) -> None:
    """Give an account tokens, and wait until they are booked.

    [bold]Examples[/bold]

      ./darkroom tokens grant local 100

      ./darkroom tokens grant shop 5000 --reason purchase --note "order 4711"
    """
    with open_tokens(url, admin_key) as gateway:
        given = gateway.grant(account, amount, reason, note)
    console.print(f"{account} was given {amount} tokens and has {given.balance} to spend.", markup=False)


@tokens.command()
def balance(account: Account = "local", url: Url = None, admin_key: AdminKey = None) -> None:
    """Show what an account has: to spend, and held for work under way.

    [bold]Examples[/bold]

      ./darkroom tokens balance

      ./darkroom tokens balance shop
    """
    with open_tokens(url, admin_key) as gateway:
        console.print(table_of_balance(account, gateway.balance(account)))


@tokens.command()
def history(
    account: Account = "local",
    limit: Annotated[int, typer.Option(min=1, max=LINES_MAX, help="How many lines.")] = 20,
    url: Url = None,
    admin_key: AdminKey = None,
) -> None:
    """Show every change of an account's balance, the newest first.

    [bold]Examples[/bold]

      ./darkroom tokens history

      ./darkroom tokens history shop --limit 100
    """
    with open_tokens(url, admin_key) as gateway:
        found = gateway.statement(account, limit)
    console.print(table_of_statement(found) if found.total else "Nothing has happened yet.")
    if found.total > len(found.transactions):
        console.print(f"The last {len(found.transactions)} of {found.total} lines.")


@tokens.command()
def check(url: Url = None, admin_key: AdminKey = None) -> None:
    """Have the ledger compare its books with their rules, now. Exit code 1 when a rule is broken.

    [bold]Example[/bold]

      ./darkroom tokens check
    """
    with open_tokens(url, admin_key) as gateway:
        found = gateway.invariants()
    console.print(table_of_books(found))
    for violation in found.violations:
        console.print(violation, markup=False, soft_wrap=True)
    if not found.holds:
        raise typer.Exit(1)
