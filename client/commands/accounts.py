"""accounts: who works with this gateway. With an admin key; the local stack's own one is found by itself."""

from typing import Annotated

import typer
from rich.markup import escape

from client.admin import Account
from client.commands.jobs import Url
from client.connecting import open_admin
from client.reading import moment, open_console, table_of

console = open_console()
accounts = typer.Typer(no_args_is_help=True, help="Accounts: make one, list them with their tokens.")

AdminKey = Annotated[
    str | None,
    typer.Option("--admin-key", envvar="DARKROOM_ADMIN_KEY", help="Of the gateway; the local stack's by default."),
]


@accounts.command()
def create(
    account_id: Annotated[str, typer.Argument(help="Lower case letters, digits, dots, dashes; for good.")],
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    url: Url = None,
    admin_key: AdminKey = None,
) -> None:
    """Make an account. It can do nothing before it has a key.

    [bold]Examples[/bold]

      ./darkroom accounts create acme --name "Acme Furniture"

      ./darkroom keys create acme
    """
    with open_admin(url, admin_key) as admin:
        made = admin.create_account(account_id, name=name)
    console.print(f"Account {made.account_id} is made. Its first key: ./darkroom keys create {made.account_id}")


@accounts.command("list")
def list_accounts(url: Url = None, admin_key: AdminKey = None) -> None:
    """Show all accounts, with the tokens that they can spend and those that are set aside for work under way.

    [bold]Example[/bold]

      ./darkroom accounts list
    """
    table = table_of("account", "name", "tokens", "held", "made")
    with open_admin(url, admin_key) as admin:
        for account in admin.accounts():
            table.add_row(*_cells(account))
    console.print(table)


def _cells(account: Account) -> tuple[str, ...]:
    tokens, held = ("-" if each is None else str(each) for each in (account.available, account.held))
    return account.account_id, escape(account.name), tokens, held, moment(account.created_at)
