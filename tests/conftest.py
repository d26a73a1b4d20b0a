"""Fixtures for all tests: the running system, an origin of pictures, a receiver of webhooks, bare brokers."""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.brokers import create_database, drop_database, running_postgres, running_rabbitmq
from tests.builders import Hooks, Site
from tests.eventually import eventually
from tests.stacks import keep_to_own_ports, log_tails, running_program, running_stack

ANSWER_SECONDS_MAX = 40
START_SECONDS_MAX = 20
OPENING_TOKENS = 12_000

keep_to_own_ports()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole system, where nothing has a price."""
    with running_stack() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of the gateway."""
    async with httpx.AsyncClient(base_url=stack.urls.gateway, timeout=ANSWER_SECONDS_MAX) as opened:
        yield opened


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """The URL of a site of pictures, see client/origin.py."""
    with running_program("client.origin") as url:
        yield url


@pytest.fixture(scope="session")
def receiver() -> Iterator[str]:
    """The URL of a receiver of webhooks, see client/receiver.py; it does not verify by itself."""
    with running_program("client.receiver") as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a Postgres without services."""
    with running_postgres() as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """An empty database for each test module."""

    async def created() -> str:
        try:
            return await create_database(postgres_server)
        except (OSError, asyncpg.CannotConnectNowError) as error:
            raise AssertionError(f"Postgres is not there yet: {error!r}") from error

    url = await eventually(created, START_SECONDS_MAX)
    yield url
    await drop_database(postgres_server, url)


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    """The URL of a RabbitMQ without services."""
    with running_rabbitmq() as url:
        yield url


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Show what the services of a failed test wrote last."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {title}", text) for title, text in log_tails()]
    return report


@pytest.fixture(scope="session")
def site(origin: str) -> Site:
    """The origin's pictures."""
    return Site(origin)


@pytest.fixture
def hooks(receiver: str) -> Hooks:
    """A path of the receiver's that no other test uses."""
    return Hooks(receiver, f"/hook/{uuid4().hex}")


@pytest.fixture(scope="session")
def priced_settings() -> dict[str, str]:
    """An image of a product costs 2 tokens, and every account begins with OPENING_TOKENS."""
    return {"DARKROOM_PRICES": '{"products": 2}', "DARKROOM_LEDGER_OPENING_TOKENS": str(OPENING_TOKENS)}


@pytest.fixture(scope="session")
def priced_stack(priced_settings: dict[str, str]) -> Iterator[Stack]:
    """A second system, with prices."""
    with running_stack(settings=priced_settings) as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def priced_client(priced_stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of the system with prices."""
    async with httpx.AsyncClient(base_url=priced_stack.urls.gateway, timeout=ANSWER_SECONDS_MAX) as opened:
        yield opened
