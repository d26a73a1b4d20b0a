"""Keeps programs alive: starts them tied to this process, restarts what dies, remembers each in the state file."""

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from typing import Any

from deploy.local.errors import StackError
from deploy.local.identity import ProcessIdentity
from deploy.local.logs import last_lines, open_log, turn
from deploy.local.programs import Program, tie_to_parent
from deploy.local.state import Home, Member, State

RESTART_SECONDS_MIN, RESTART_SECONDS_MAX = 0.2, 10.0
STEADY_SECONDS = 10
"""A program that lived this long has started well: its next restart is quick again."""
LOGS_LOOKED_AT_SECONDS = 10
DEATHS_WHILE_STARTING_MAX = 4


def restart_delay_seconds(deaths_in_a_row: int) -> float:
    """How long to wait before a restart: doubling from a fifth of a second to ten."""
    return float(min(RESTART_SECONDS_MAX, RESTART_SECONDS_MIN * 2 ** (min(deaths_in_a_row, 16) - 1)))


def _kill_group(leader: int) -> None:
    """End what a process left behind: workers share its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: Process | None = None
        self.deaths_in_a_row = 0
        self.keeper: asyncio.Task[None] | None = None

    async def spawn(self, home: Home) -> Process:
        """Start the process in a group of its own, its output in its log, tied to this process."""
        program = self.program
        user: dict[str, Any] = {}
        if account := program.account:
            user = {"user": account.uid, "group": account.gid, "extra_groups": []}
        with open_log(home.log_of(program.name)) as log:
            self.process = await asyncio.create_subprocess_exec(
                *program.command,
                env=dict(program.environment),
                cwd=program.folder,
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
                preexec_fn=tie_to_parent(program.orphan_signal),
                **user,
            )
        return self.process

    async def stop(self, *, gently: bool) -> None:
        """Ask the process to end, kill it when it takes too long, and end what it left behind."""
        if self.keeper:
            self.keeper.cancel()
        process = self.process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.program.stop_signal if gently else signal.SIGKILL)
        try:
            await asyncio.wait_for(process.wait(), self.program.stop_seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        _kill_group(process.pid)


class Supervision:
    """All children of one stack. The state file says at any moment which processes they are."""

    def __init__(self, home: Home, state: State) -> None:
        self.home = home
        self.state = state
        self.children: dict[str, Child] = {}

    async def start(self, program: Program) -> None:
        """Start a program and keep it alive from now on."""
        child = self.children[program.name] = Child(program)
        await self._spawn(child, restarts=0)
        child.keeper = asyncio.create_task(self._keep(child), name=program.name)

    async def _spawn(self, child: Child, restarts: int) -> None:
        process = await child.spawn(self.home)
        if identity := ProcessIdentity.of(process.pid):
            self.state.members[child.program.name] = Member(
                process=identity, port=child.program.port, started_at=time.time(), restarts=restarts
            )
            self.home.save(self.state)

    async def _keep(self, child: Child) -> None:
        restarts, mourned = 0, None
        while child.process is not None:
            started = time.monotonic()
            await child.process.wait()
            if child.process is not mourned:
                _kill_group(child.process.pid)
                mourned = child.process
            steady = time.monotonic() - started > STEADY_SECONDS
            child.deaths_in_a_row = 1 if steady else child.deaths_in_a_row + 1
            await asyncio.sleep(restart_delay_seconds(child.deaths_in_a_row))
            restarts += 1
            with contextlib.suppress(OSError):  # a full disk or table of processes: next time round
                await self._spawn(child, restarts)

    def complain_of_early_deaths(self, name: str) -> None:
        """StackError with its last words, when a program keeps dying instead of getting ready."""
        if self.children[name].deaths_in_a_row < DEATHS_WHILE_STARTING_MAX:
            return
        log = self.home.log_of(name)
        raise StackError(f"{name} does not start: {' '.join(last_lines(log, 1)) or 'it says nothing'} (see {log})")

    async def turn_logs(self) -> None:
        """Keep the log files small, for ever."""
        while True:
            for name in self.children:
                turn(self.home.log_of(name))
            await asyncio.sleep(LOGS_LOOKED_AT_SECONDS)

    async def stop(self, *, gently: bool) -> None:
        """End every child, the latest started rank first, so that services can still write to their brokers."""
        ranks = sorted({child.program.rank for child in self.children.values()}, reverse=True)
        for rank in ranks:
            together = [child for child in self.children.values() if child.program.rank == rank]
            await asyncio.gather(*(child.stop(gently=gently) for child in together))
        self.state.members.clear()
