"""webhooks: the secret that signs them, what was sent, and sending again."""

import sys
from typing import Annotated

import typer

from client.commands.jobs import Url
from client.connecting import open_gateway
from client.reading import open_console, table_of_deliveries

console = open_console()
webhooks = typer.Typer(no_args_is_help=True, help="Webhooks: their secret, their log, sending again.")


@webhooks.command()
def secret(
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one; the old one signs too for 24 h.")] = False,
    url: Url = None,
) -> None:
    """Print the secret that signs your webhooks, to verify them with.

    [bold]Examples[/bold]

      ./darkroom webhooks secret

      ./darkroom webhooks secret --rotate
    """
    with open_gateway(url) as gateway:
        sys.stdout.write(gateway.webhook_secret(rotate=rotate).secret + "\n")


@webhooks.command()
def log(request_id: str, url: Url = None) -> None:
    """Show the messages that were sent for a request, with every attempt.

    [bold]Example[/bold]

      ./darkroom webhooks log 0198c0de-…
    """
    with open_gateway(url) as gateway:
        found = gateway.deliveries(request_id)
    console.print(table_of_deliveries(found) if found else "No message was sent for it.")


@webhooks.command()
def resend(request_id: str, url: Url = None) -> None:
    """Send a request's message again.

    [bold]Example[/bold]

      ./darkroom webhooks resend 0198c0de-…
    """
    with open_gateway(url) as gateway:
        console.print(f"Delivery {gateway.resend(request_id)} is on its way.")
