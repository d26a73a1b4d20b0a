"""./darkroom queues and redrive against the running system."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.operations import Operations
from deploy.local.stack import Stack
from deploy.local.state import SERVICES
from shared.envelope import new_id
from shared.events import ExportRequested, JobPaused
from shared.topology import Subscription
from tests.command_line import CommandLine
from tests.dead_letters import empty, lay_down
from tests.eventually import eventually

PAUSED = Subscription("enhancer", JobPaused)
EXPORT = Subscription("exporter", ExportRequested)
REPORTED_SECONDS_MAX = 30


@pytest.fixture
def darkroom(stack: Stack, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line in a folder of its own; what it leaves dead is thrown away."""
    yield CommandLine(stack, tmp_path)
    for each in (PAUSED, EXPORT):
        asyncio.run(empty(stack.urls.amqp, each))


async def test_queues_are_shown_with_what_services_have_to_say(darkroom: CommandLine) -> None:
    def shown() -> None:
        found = darkroom.run("queues", "--all")
        assert found.returncode == 0, found.stderr
        assert PAUSED.queue in found.stdout
        assert all(f"{service} " in found.stdout for service in SERVICES)
        assert "Queue is operating normally" in found.stdout

    await eventually(shown, REPORTED_SECONDS_MAX)


async def test_a_redrive_says_what_went_back_and_what_stays(darkroom: CommandLine, stack: Stack) -> None:
    paused = JobPaused(account_id="acme", job_id=new_id(), version=1)
    export = ExportRequested(account_id="a", export_id=new_id(), job_id=new_id(), run=1, format="csv", images_total=1)
    await lay_down(stack.urls.amqp, PAUSED, paused)
    await lay_down(stack.urls.amqp, EXPORT, export, told=True)
    seen = darkroom.run("queues")
    assert PAUSED.queue in seen.stdout
    assert "2 dead letters" in seen.stdout
    done = darkroom.run("redrive", "--problem", "internal_error")
    assert f"1 back to {PAUSED.queue}" in done.stdout
    assert "1 stay: its failure was said: ask for it again" in done.stdout
    assert done.returncode == 1


def test_a_redrive_of_nothing_says_so(darkroom: CommandLine) -> None:
    done = darkroom.run("redrive", "--queue", PAUSED.dead_queue)
    assert (done.returncode, done.stdout.strip()) == (0, "No dead letters were put back.")


def test_an_unknown_queue_is_one_sentence(darkroom: CommandLine) -> None:
    refused = darkroom.run("redrive", "--queue", "no.such.queue")
    assert (refused.returncode, refused.stderr) == (1, "darkroom: No such queue\n")


def test_python_is_told_the_same(stack: Stack) -> None:
    with Operations(stack.urls.gateway, api_key=stack.admin_key) as operations:
        assert {outbox.service for outbox in operations.standing().outboxes} <= set(SERVICES)
        assert operations.redrive(queue=PAUSED.queue).redriven == 0
