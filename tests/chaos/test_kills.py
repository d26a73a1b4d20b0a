"""kill -9 of every process in turn, SIGTERM of all: nothing is lost, nothing happens twice."""

import asyncio
import signal

import pytest

from deploy.local.state import SERVICES
from tests.chaos.conftest import Ordeal
from tests.stacks import SETTINGS

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_killed_service_goes_on_where_it_was(ordeal: Ordeal, service: str) -> None:
    ordeal.stack.kill(service, signal.SIGKILL)
    await ordeal.assert_it_ends_well()


@pytest.mark.parametrize("broker", ["rabbitmq", "postgres"])
async def test_a_killed_broker_loses_nothing(ordeal: Ordeal, broker: str) -> None:
    ordeal.stack.kill(broker, signal.SIGKILL)
    await ordeal.assert_it_ends_well()


async def test_everything_killed_at_once_goes_on(ordeal: Ordeal) -> None:
    for name in (*SERVICES, "rabbitmq", "postgres"):
        ordeal.stack.kill(name, signal.SIGKILL)
    await ordeal.assert_it_ends_well()


async def test_services_that_were_frozen_do_no_harm_when_they_wake(ordeal: Ordeal) -> None:
    for name in ("fetcher", "enhancer"):
        ordeal.stack.kill(name, signal.SIGSTOP)
    try:
        ordeal.stack.kill("gateway", signal.SIGKILL)
        assert await asyncio.to_thread(ordeal.stack.wait_healthy, ("gateway",), 40)
    finally:
        for name in ("fetcher", "enhancer"):
            ordeal.stack.kill(name, signal.SIGCONT)
    await ordeal.assert_it_ends_well()


async def test_a_stack_that_was_stopped_goes_on_when_it_starts_again(
    ordeal: Ordeal, priced_settings: dict[str, str]
) -> None:
    await asyncio.to_thread(ordeal.stack.stop)
    assert await asyncio.to_thread(lambda: ordeal.stack.start(extra={**SETTINGS, **priced_settings}))
    await ordeal.assert_it_ends_well()
