"""keys: what accounts call the gateway with. A key is printed alone on stdout, so that scripts can take it."""

import sys
from typing import Annotated

import typer
from rich.markup import escape

from client.admin import Key
from client.commands.accounts import AdminKey
from client.commands.jobs import Url
from client.connecting import open_admin
from client.reading import moment, open_console, table_of

console = open_console()
remarks = open_console(stderr=True)
keys = typer.Typer(no_args_is_help=True, help="API keys of accounts: make, list, revoke.")


@keys.command()
def create(
    account_id: Annotated[str, typer.Argument(help="Whose key.")],
    label: Annotated[str, typer.Option(help="What it is for, to tell it from others.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="It may make accounts and keys, too.")] = False,
    url: Url = None,
    admin_key: AdminKey = None,
) -> None:
    """Make a key and print it. It is kept nowhere: whoever loses it revokes it and makes another one.

    [bold]Examples[/bold]

      ./darkroom keys create acme --label "shop server"

      export DARKROOM_API_KEY=$(./darkroom keys create acme)
    """
    with open_admin(url, admin_key) as opened:
        made = opened.create_key(account_id, label=label, admin=admin)
    sys.stdout.write(made.key + "\n")
    if sys.stdout.isatty():
        remarks.print("It is shown only now. Callers send it as the header X-API-Key.")


@keys.command("list")
def list_keys(
    account_id: Annotated[str, typer.Argument(help="Whose keys.")], url: Url = None, admin_key: AdminKey = None
) -> None:
    """Show an account's keys by their first characters, revoked ones too.

    [bold]Example[/bold]

      ./darkroom keys list acme
    """
    table = table_of("key id", "begins with", "label", "admin", "made", "last used", "revoked")
    with open_admin(url, admin_key) as opened:
        for key in opened.keys(account_id):
            table.add_row(*_cells(key))
    console.print(table)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key id of ./darkroom keys list.")],
    url: Url = None,
    admin_key: AdminKey = None,
) -> None:
    """End a key for good, within seconds. The last admin key stays.

    [bold]Example[/bold]

      ./darkroom keys revoke 0198c0de-…
    """
    with open_admin(url, admin_key) as opened:
        revoked = opened.revoke_key(key_id)
    console.print(f"The key {revoked.handle}… is revoked.")


def _cells(key: Key) -> tuple[str, ...]:
    times = (moment(each) if each else "-" for each in (key.created_at, key.last_used_at, key.revoked_at))
    return key.key_id, key.handle, escape(key.label), "yes" if key.admin else "", *times
