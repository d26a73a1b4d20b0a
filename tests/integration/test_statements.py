"""Every statement in the code can be prepared by the tables that the migrations make."""

import ast
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from shared import gate
from shared.db import MIGRATIONS, Database, migrate
from shared.topology import CONSUMERS

ROOT = Path(__file__).parents[2]
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
HAS_GATE = [service for service, heard in CONSUMERS.items() if gate.HANDLERS.keys() <= set(heard)]


class Statement(NamedTuple):
    """A statement, where it stands and whose tables it is for."""

    service: str
    place: str
    text: str


def statements_in(service: str, file: Path) -> Iterator[Statement]:
    """The texts in a module that begin as statements do."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
            yield Statement(service, f"{file.relative_to(ROOT)}:{node.lineno}", node.value)


def statements() -> Iterator[Statement]:
    """The statements of the services, and those of the shared library for each service that uses them."""
    for service in CONSUMERS:
        for file in sorted((ROOT / "services" / service).rglob("*.py")):
            yield from statements_in(service, file)
        for file in sorted((ROOT / "shared").glob("*.py")):
            if file.stem != "gate" or service in HAS_GATE:
                yield from statements_in(service, file)


def migrations_of(service: str) -> list[Path]:
    """The folders of migrations that a service runs."""
    gates = [MIGRATIONS / "gate"] if service in HAS_GATE else []
    return [MIGRATIONS / "messaging", *gates, ROOT / "services" / service / "migrations"]


STATEMENTS = list(statements())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def databases(postgres_url: str) -> AsyncIterator[dict[str, Database]]:
    """Every service's schema in one Postgres, as its migrations leave it."""
    opened = {service: await Database.open(postgres_url, service, connections_max=1) for service in CONSUMERS}
    for service, database in opened.items():
        await migrate(database, *migrations_of(service))
    yield opened
    for database in opened.values():
        await database.close()


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: f"{statement.service}-{statement.place}")
async def test_a_statement_fits_the_tables(statement: Statement, databases: dict[str, Database]) -> None:
    async with databases[statement.service].connection() as connection:
        await connection.prepare(statement.text)


def test_every_service_and_the_shared_library_have_statements() -> None:
    assert {statement.service for statement in STATEMENTS} == set(CONSUMERS)
    assert {"shared/inbox.py", "shared/outbox.py", "shared/gate.py"} <= {
        statement.place.partition(":")[0] for statement in STATEMENTS
    }


async def test_running_the_migrations_again_changes_nothing(databases: dict[str, Database]) -> None:
    for service, database in databases.items():
        assert await migrate(database, *migrations_of(service)) == []


async def test_a_statement_that_does_not_fit_is_refused(databases: dict[str, Database]) -> None:
    async with databases["gateway"].connection() as connection:
        with pytest.raises(asyncpg.UndefinedColumnError, match="no_such_column"):
            await connection.prepare("SELECT no_such_column FROM jobs")
