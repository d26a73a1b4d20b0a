"""The local stack as an object: what the command line and the tests start, ask and end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import binaries, health, identity, supervisor
from deploy.local.errors import StackError
from deploy.local.health import Health
from deploy.local.identity import wait_until
from deploy.local.logs import last_lines, open_log
from deploy.local.packages import Report
from deploy.local.preparation import ORPHAN_SECONDS_MAX
from deploy.local.state import CHECKOUT, SERVICES, Home, Member, State, default_home
from deploy.local.urls import Urls

START_SECONDS_MAX = 120
HEALTHY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
RESTARTS_WHILE_STARTING_MAX = 4


@dataclass(frozen=True)
class Row:
    """One line of the status table."""

    name: str
    pid: int
    port: int
    health: Health
    uptime_seconds: float
    restarts: int


def _row(name: str, member: Member) -> Row:
    return Row(
        name=name,
        pid=member.process.pid,
        port=member.port,
        health=health.of(name, member.port) if member.process.is_alive() else "restarting",
        uptime_seconds=max(0.0, time.time() - member.started_at),
        restarts=member.restarts,
    )


def _say_nothing(_: str) -> None:
    return None


class Stack:
    """A private RabbitMQ, a private Postgres and the five services in one home folder (DARKROOM_HOME by default)."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = Home(home) if home else default_home()

    def state(self) -> State | None:
        """What the home remembers; None when nothing was ever started there."""
        return self.home.load()

    @property
    def is_running(self) -> bool:
        """Whether brokers (and services, when asked for) have been started and are supervised."""
        state = self.state()
        return state is not None and state.is_supervised and state.phase == "running"

    @property
    def urls(self) -> Urls:
        """The addresses; StackError when the stack was never started."""
        if (state := self.state()) is None or not state.ports:
            raise StackError("Nothing was started here yet.")
        return Urls.of(self.home, state)

    @property
    def admin_key(self) -> str | None:
        """The admin key that the gateway made at its first start; None before."""
        try:
            return self.home.admin_key_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except PermissionError:
            message = f"{self.home.admin_key_file} belongs to another user: run this as the user who ran up."
            raise StackError(message) from None

    def start(
        self, services: bool = True, *, extra: Mapping[str, str] | None = None, report: Report = _say_nothing
    ) -> bool:
        """Start what is not running and wait until it is healthy; False when it all ran before.

        extra: settings for every service, over the user's own. report: told in words what is being done.
        """
        state = self.state()
        if state and state.is_supervised and (services and not state.with_services or state.phase == "stopping"):
            self.stop()
        if self.is_running:
            return False
        binaries.find_or_install(state.postgres_programs if state else None, report)
        self._supervise(services, extra or {}, report)
        if services:
            report("Waiting for the services to be healthy")
            self._expect_healthy(SERVICES)
        return True

    def _supervise(self, services: bool, extra: Mapping[str, str], report: Report) -> None:
        self.home.make()
        report("Starting RabbitMQ and Postgres")
        command = [sys.executable, "-m", "deploy.local.supervisor", str(self.home.folder)]
        with open_log(self.home.log_of("supervisor")) as log:
            process = subprocess.Popen(
                command + ([] if services else ["--brokers-only"]),
                cwd=CHECKOUT,
                env=dict(os.environ) | {supervisor.EXTRA_VARIABLE: json.dumps(dict(extra))},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def is_decided() -> bool:
            state = self.state()
            return self.is_running or not (process.poll() is None or (state and state.is_supervised))

        started = wait_until(is_decided, START_SECONDS_MAX)
        if self.is_running:
            return
        log_file = self.home.log_of("supervisor")
        if not started:
            raise StackError(f"The stack did not start within {START_SECONDS_MAX} s (see {self.home.logs}).")
        raise StackError(" ".join(last_lines(log_file, 1)) or f"The stack ended while it started (see {log_file}).")

    def _expect_healthy(self, names: tuple[str, ...]) -> None:
        rows: dict[str, Row] = {}

        def is_decided() -> bool:
            rows.update({row.name: row for row in self.status()})
            hopeless = any(row.restarts >= RESTARTS_WHILE_STARTING_MAX for row in rows.values())
            return hopeless or all(name in rows and rows[name].health == "healthy" for name in names)

        wait_until(is_decided, HEALTHY_SECONDS_MAX)
        ill = [name for name in names if name not in rows or rows[name].health != "healthy"]
        if ill:
            worst = max(ill, key=lambda name: rows[name].restarts if name in rows else 0)
            said = " ".join(last_lines(self.home.log_of(worst), 1))
            raise StackError(f"Not healthy: {', '.join(ill)}. {worst} said last: {said} (see {self.home.logs})")

    def status(self) -> list[Row]:
        """What runs, and whether it answers; empty when nothing runs."""
        state = self.state()
        if state is None:
            return []
        rows = [_row(name, member) for name, member in state.members.items()]
        return [row for row in rows if state.is_supervised or row.health != "restarting"]

    def stop(self, *, gently: bool = True) -> bool:
        """End everything that this stack started, orphans included; False when nothing ran. Data stays.

        gently=False kills instead of asking: a second instead of ten, no less safe for what was confirmed.
        """
        state = self.state()
        if state is None:
            return False
        ran = bool(self.status()) or state.is_supervised
        if state.is_supervised and state.supervisor:
            state.supervisor.send(signal.SIGTERM if gently else signal.SIGQUIT)
            identity.end([state.supervisor], STOP_SECONDS_MAX)
        state = self.state() or state
        for name, member in state.members.items():
            asking = signal.SIGINT if name == "postgres" else signal.SIGTERM
            member.process.send(asking if gently else signal.SIGKILL)
        identity.end([member.process for member in state.members.values()], ORPHAN_SECONDS_MAX)
        identity.end(identity.find_marked(state.mark), 0)
        state.members.clear()
        state.supervisor, state.phase = None, "stopped"
        self.home.save(state)
        return ran

    def destroy(self) -> None:
        """End everything at once and remove all data."""
        state = self.state()
        self.stop(gently=False)
        if state and state.postgres_folder:
            shutil.rmtree(state.postgres_folder, ignore_errors=True)
        self.home.clear()

    def pid(self, name: str) -> int:
        """The process of a member (`supervisor` too); StackError when it is not running."""
        return self._process(name).pid

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal a member by name; the supervisor starts it again when that ends it."""
        if not self._process(name).send(number):
            raise StackError(f"{name} is not running.")

    def _process(self, name: str) -> identity.ProcessIdentity:
        state = self.state()
        if state and name == "supervisor" and state.supervisor:
            return state.supervisor
        if state and name in state.members:
            return state.members[name].process
        raise StackError(f"{name} is not running.")

    def wait_healthy(self, names: tuple[str, ...] = ("rabbitmq", "postgres"), seconds_max: float = 30) -> bool:
        """Wait until members answer again, after a kill; False when the time is over."""
        return wait_until(
            lambda: {row.name for row in self.status() if row.health == "healthy"} >= set(names), seconds_max
        )
