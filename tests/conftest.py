"""Fixtures for all tests: the running system, an origin of pictures, a receiver of webhooks, bare brokers."""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from deploy.local.stack import Stack
from tests.builders import Hooks, Site
from tests.stacks import log_tails, running_program, running_stack

ANSWER_SECONDS_MAX = 40


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
