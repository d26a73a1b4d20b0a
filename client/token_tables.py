"""How tokens are put before people: tables for the command line."""

from rich.markup import escape
from rich.table import Table

from client.reading import moment, table_of
from client.tokens import Balance, Invariants, Statement

MILLISECONDS = 1000


def table_of_balance(account_id: str, found: Balance) -> Table:
    """What an account has, and what it came from."""
    stats = found.stats
    table = Table.grid(padding=(0, 2))
    table.add_row("Account", escape(account_id))
    table.add_row("Balance", f"{found.balance} tokens")
    table.add_row("Held", f"{found.held} for work under way")
    table.add_row("Earned", f"{stats.totalEarned}, spent {stats.totalSpent}, refunded {stats.totalRefunded}")
    if found.timeUntilNextRegenMs:
        table.add_row("Regenerates", f"next in {found.timeUntilNextRegenMs / MILLISECONDS:.0f} s")
    return table


def table_of_statement(statement: Statement) -> Table:
    """Lines of a statement, the newest first."""
    table = table_of("at", "type", "amount", "balance", "source", "what for")
    for column in table.columns[2:4]:
        column.justify = "right"
    for line in statement.transactions:
        facts = ", ".join(f"{name} {value}" for name, value in line.metadata.items())
        about = f"{line.sourceId} ({facts})" if facts else line.sourceId
        amount, balance = f"{line.amount:+}", str(line.balanceAfter)
        table.add_row(moment(line.createdAt), line.type, amount, balance, escape(line.source), escape(about))
    return table


def table_of_books(found: Invariants) -> Table:
    """The books' figures and checks."""
    table = Table.grid(padding=(0, 2))
    table.add_row("Audited", moment(found.audited_at))
    table.add_row("Accounts", f"{found.accounts}, with {found.transfers} transfers")
    table.add_row("Granted", f"{found.granted} tokens: {found.captured} captured, {found.posted} with accounts")
    table.add_row("Held", f"{found.held} of those")
    for check in found.checks:
        table.add_row("[green]ok[/green]" if check.ok else "[red]violated[/red]", escape(check.name))
    return table
