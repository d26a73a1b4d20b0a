"""Tokens: holds and captures per second, on one hot account and on a hundred, through the ledger's recorders.

Commits are as the service makes them: fifty events together with inbox and outbox, in a Postgres that waits for its
disk. The reference is pgbench in the same server and run: eight clients that update one and the same row, each update a
commit. Beside it stand eight clients that update a hundred rows: nobody waits for anybody, only for the disk.
"""

import asyncio
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop
from rich.console import Console
from rich.table import Table

import services.ledger
from deploy.local import binaries
from deploy.local.stack import Stack
from deploy.local.state import CHECKOUT
from services.ledger.domain import Account, Grant, Hold, Settlement, Usage
from services.ledger.handlers import SERVICE
from services.ledger.invariants import find_violations
from shared import inbox, outbox
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import new_id, new_traceparent
from shared.events import Event
from shared.regeneration import Regeneration

HOME = CHECKOUT / ".darkroom" / "bench-ledger"
SECONDS = 5.0
EVENTS_PER_COMMIT = 50
CLIENTS = 8
ACCOUNTS = 100
TOKENS = 10**12
IMAGES_PER_JOB = 10**9
REGENERATION = Regeneration(seconds=0)
COUNTERS = (
    "DROP TABLE IF EXISTS counters",
    "CREATE TABLE counters (id int PRIMARY KEY, n bigint NOT NULL)",
    "INSERT INTO counters SELECT id, 0 FROM generate_series(1, 100) AS id",
)
UPDATE = "\\set id random(1, :rows)\nUPDATE counters SET n = n + 1 WHERE id = :id;\n"
BAR, AIM = 1.0, 4.0
console = Console()

Rows = Sequence[object]
Work = Callable[[], Rows]
"""What one event records, a new one at each call."""


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure on a quiet machine with a server of its own; print the table, return the figures."""
    stack = Stack(HOME)
    stack.destroy()
    stack.start(services=False, report=console.log)
    try:
        references = {rows: reference(stack, rows, seconds) for rows in (1, ACCOUNTS)}
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(measure(stack.urls.postgres["ledger"], seconds))
    finally:
        stack.destroy()
    for figure in figures:
        figure["ratio"] = figure["per_second"] / references[1]
        figure["ratio_spread"] = figure["per_second"] / references[ACCOUNTS]
    show(figures)
    return {"references": references, "figures": figures}


def reference(stack: Stack, rows: int, seconds: float) -> float:
    """Updates per second by pgbench: eight clients, each update a commit, among so many rows."""
    folder = binaries.find_postgres(None)
    assert folder is not None
    url = stack.urls.postgres_owner
    prepare = [part for statement in COUNTERS for part in ("-c", statement)]
    subprocess.run([str(folder / "psql"), "--quiet", *prepare, url], check=True, capture_output=True)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(UPDATE)
        script.flush()
        command = [str(folder / "pgbench"), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2"]
        command += ["-T", str(max(1, round(seconds))), "-D", f"rows={rows}", "-f", script.name, url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"tps = ([\d.]+)", said)
    assert found, said
    console.log(f"pgbench, {CLIENTS} clients on {rows} rows: {float(found[1]):.0f} updates/s")
    return float(found[1])


async def measure(url: str, seconds: float) -> list[dict[str, Any]]:
    """Every figure in turn; at the end the books must be right."""
    database = await Database.open(url, "ledger")
    try:
        await migrate(database, MIGRATIONS / "messaging", Path(services.ledger.__file__).parent / "migrations")
        figures = []
        for accounts in (1, ACCOUNTS):
            works = {"holds": await holding(database, accounts), "captures": await capturing(database, accounts)}
            for what, work in works.items():
                for committers in (1, 2):
                    rate = await rate_of(database, work, committers, seconds)
                    console.log(f"{what}, {accounts} accounts, {committers} committers: {rate:.0f}/s")
                    figures.append({"what": what, "accounts": accounts, "committers": committers, "per_second": rate})
        async with database.connection() as connection:
            assert await find_violations(connection) == []
        return figures
    finally:
        await database.close()


async def rate_of(database: Database, work: Work, committers: int, seconds: float) -> float:
    """How many events a second are committed."""
    started = time.perf_counter()

    async def keep_committing() -> int:
        commits = 0
        while time.perf_counter() - started < seconds:
            await commit(database, [work() for _ in range(EVENTS_PER_COMMIT)])
            commits += 1
        return commits

    commits = await asyncio.gather(*[keep_committing() for _ in range(committers)])
    return sum(commits) * EVENTS_PER_COMMIT / (time.perf_counter() - started)


async def commit(database: Database, decided: Sequence[Rows]) -> None:
    """One gathered commit: inbox, rows in the recorders' order, outbox."""
    rows = [row for each in decided for row in each]
    async with database.transaction() as connection:
        await inbox.add(connection, [new_id() for _ in decided])
        events: list[Event] = []
        for kind, recorder in SERVICE.recorders.items():
            if found := [row for row in rows if type(row) is kind]:
                events += await recorder(connection, found)
        await outbox.add(connection, [outbox.following(new_traceparent(), event, source="ledger") for event in events])


async def holding(database: Database, accounts: int) -> Work:
    """Runs of one image for any of the accounts."""
    names = await open_accounts(database, accounts)

    def work() -> Rows:
        name = random.choice(names)
        return Account(name, REGENERATION, 0), Hold(name, new_id(), 1, images_total=1, price_tokens=1)

    return work


async def capturing(database: Database, accounts: int) -> Work:
    """Images that succeed, of a large run of any of the accounts."""
    runs = {name: new_id() for name in await open_accounts(database, accounts)}
    await commit(database, [hold_of(name, job_id) for name, job_id in runs.items()])

    def work() -> Rows:
        name, job_id = random.choice(list(runs.items()))
        usage = Usage(name, images_succeeded=1, source_bytes=1, rendition_bytes=1)
        return Account(name, REGENERATION), Settlement(job_id, 1, new_id(), "succeeded"), usage

    return work


def hold_of(name: str, job_id: UUID) -> Rows:
    """A run that nobody sees the end of."""
    return Account(name, REGENERATION), Hold(name, job_id, 1, images_total=IMAGES_PER_JOB, price_tokens=1)


async def open_accounts(database: Database, count: int) -> list[str]:
    """Accounts with more tokens than can be spent."""
    names = [f"bench-{new_id()}" for _ in range(count)]
    await commit(
        database,
        [(Account(name, REGENERATION, 0), Grant(name, TOKENS, f"grant:{name}", "bonus")) for name in names],
    )
    return names


def show(figures: Sequence[dict[str, Any]]) -> None:
    """The figures as a table."""
    table = Table("what", "accounts", "committers", "per second", title="Tokens, through the ledger's recorders")
    for column in ("to pgbench, 1 row", "bar", "aim", f"to pgbench, {ACCOUNTS} rows"):
        table.add_column(column)
    for figure in figures:
        cells = (figure["what"], str(figure["accounts"]), str(figure["committers"]), f"{figure['per_second']:.0f}")
        table.add_row(*cells, f"{figure['ratio']:.2f}", f"{BAR:.1f}", f"{AIM:.1f}", f"{figure['ratio_spread']:.2f}")
    console.print(table)
