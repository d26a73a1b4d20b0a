"""Before a stack starts: hold its home alone, end what is left of an earlier one, choose ports, say who is at work."""

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import binaries, identity, ports, postgres, services
from deploy.local.binaries import Binaries
from deploy.local.errors import StackError
from deploy.local.identity import ProcessIdentity
from deploy.local.state import PORT_NAMES, Home, State

LOCK_SECONDS_MAX = 3
ORPHAN_SECONDS_MAX = 5
GATEWAY_PORT = 8000


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """Hold the home for the life of this process; BlockingIOError when another supervisor holds it."""
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS_MAX
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                identity.wait_until(lambda: False, identity.POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def remember(home: Home) -> State:
    """The state to start from: passwords and data of before, but no process of before alive."""
    if (state := home.load()) is not None:
        orphans = [member.process for member in state.members.values()]
        identity.end(orphans, ORPHAN_SECONDS_MAX)
        identity.end(identity.find_marked(state.mark), 0)
        return state
    for folder in (home.rabbitmq, home.postgres):
        if folder.exists():
            raise StackError(f"{folder} holds data, but its passwords in {home.state_file} are gone: remove {folder}.")
    state = State()
    state.postgres_folder = postgres.choose_folder(home, postgres.choose_account())
    postgres.forget_cluster(state.postgres_folder)
    return state


def choose_ports(state: State) -> dict[str, int]:
    """The ports of before where they are free. The gateway's is the one that the user names, or 8000."""
    wishes = {name: [port] for name, port in state.ports.items()}
    wishes["gateway"] = [*wishes.get("gateway", []), GATEWAY_PORT]
    if named := services.users_settings().get("DARKROOM_GATEWAY_PORT"):
        if not named.isdigit() or not ports.is_free(int(named)):
            raise StackError(f"DARKROOM_GATEWAY_PORT={named} is not a free port.")
        wishes["gateway"] = [int(named)]
    return ports.choose(PORT_NAMES, wishes, random.SystemRandom())


def prepare(home: Home, *, with_services: bool) -> tuple[State, Binaries]:
    """End what is left of an earlier stack, choose ports, and write down who is at work."""
    state = remember(home)
    state.supervisor = ProcessIdentity.of(os.getpid())
    state.phase, state.error, state.with_services = "starting", "", with_services
    state.members.clear()
    state.ports = choose_ports(state)
    found = binaries.find(state.postgres_programs)
    if found is None:
        raise StackError("RabbitMQ or PostgreSQL is not installed.")
    state.postgres_programs = found.postgres_folder
    home.save(state)
    return state, found
