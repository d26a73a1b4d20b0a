"""The background process of the local stack: starts brokers and services, keeps them alive, ends them when told.

    python -m deploy.local.supervisor <home> [--brokers-only]

DARKROOM_STACK_EXTRA: settings for every service, as a JSON object (an environment is not shown to other users).
SIGTERM and SIGINT end everything in order; SIGQUIT kills everything at once. Exit code 75: another one is at work.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from deploy.local import health, identity, postgres, rabbitmq, services
from deploy.local.binaries import Binaries
from deploy.local.errors import StackError
from deploy.local.preparation import locked, prepare
from deploy.local.state import Home, State
from deploy.local.supervision import Supervision

BUSY = 75
EXTRA_VARIABLE = "DARKROOM_STACK_EXTRA"
POLL_SECONDS = 0.1
BROKER_SECONDS_MAX = 90


async def start_rabbitmq(supervision: Supervision, found: Binaries) -> None:
    """Start the port mapper and the node, and wait until it takes clients."""
    home, state = supervision.home, supervision.state
    rabbitmq.write_configuration(home, state)
    await supervision.start(rabbitmq.port_mapper(home, state, found))
    await supervision.start(rabbitmq.node(home, state, found))
    while await asyncio.to_thread(health.of_broker, state.ports["amqp"]) != "healthy":
        supervision.complain_of_early_deaths("rabbitmq")
        await asyncio.sleep(POLL_SECONDS)


async def start_postgres(supervision: Supervision, found: Binaries) -> None:
    """Make the cluster when it is not there, start it, and see to its database and roles."""
    state, folder, account = supervision.state, supervision.state.postgres_folder, postgres.choose_account()
    assert folder is not None
    await asyncio.to_thread(postgres.make_cluster, folder, found, state.secrets["postgres"], account)
    postgres.forget_reused_pid(folder / "data")
    await supervision.start(postgres.server(folder, state, found, account))
    while not await postgres.make_database(state):
        supervision.complain_of_early_deaths("postgres")
        await asyncio.sleep(POLL_SECONDS)
    await postgres.make_roles(state, found)


async def start_all(supervision: Supervision, found: Binaries, extra: dict[str, str]) -> None:
    """Brokers at the same time, then the services."""
    home, state = supervision.home, supervision.state
    try:
        async with asyncio.timeout(BROKER_SECONDS_MAX):
            await asyncio.gather(start_rabbitmq(supervision, found), start_postgres(supervision, found))
    except TimeoutError:
        raise StackError(
            f"RabbitMQ and Postgres did not get ready within {BROKER_SECONDS_MAX} s (see {home.logs})."
        ) from None
    if state.with_services:
        for program in services.programs(home, state, extra):
            await supervision.start(program)
    state.phase = "running"
    home.save(state)


async def run_until_told(supervision: Supervision, found: Binaries, extra: dict[str, str]) -> signal.Signals:
    """Start everything and keep it alive; the signal that ended it. StackError when it does not start."""
    told = asyncio.Queue[signal.Signals]()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        asyncio.get_running_loop().add_signal_handler(number, told.put_nowait, number)
    waiting = asyncio.create_task(told.get())
    starting = asyncio.create_task(start_all(supervision, found, extra))
    logs = asyncio.create_task(supervision.turn_logs())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
        return await waiting
    finally:
        for task in (starting, waiting, logs):
            task.cancel()
        await asyncio.gather(starting, waiting, logs, return_exceptions=True)


async def supervise(home: Home, state: State, found: Binaries, extra: dict[str, str]) -> None:
    """Run the stack until a signal ends it. StackError when it does not start; nothing is left behind then either."""
    supervision, number = Supervision(home, state), signal.SIGTERM
    try:
        number = await run_until_told(supervision, found, extra)
    except StackError as error:
        state.error = str(error)
        raise
    finally:
        state.phase = "stopping"
        home.save(state)
        await supervision.stop(gently=number != signal.SIGQUIT)
        identity.end(identity.find_marked(state.mark), 0)
        state.phase = "failed" if state.error else "stopped"
        home.save(state)


def main() -> int:
    """Take hold of the home and run its stack."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.supervisor", description="runs the local stack")
    parser.add_argument("home", type=Path)
    parser.add_argument("--brokers-only", action="store_true")
    arguments = parser.parse_args()
    home = Home(arguments.home)
    home.make()
    extra = json.loads(os.environ.pop(EXTRA_VARIABLE, "{}"))
    try:
        with locked(home):
            state, found = prepare(home, with_services=not arguments.brokers_only)
            asyncio.run(supervise(home, state, found, extra))
    except BlockingIOError:
        return BUSY
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
