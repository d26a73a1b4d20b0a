"""Which process a recorded pid belongs to: a pid alone says little after a restart of the machine or a day of work."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from deploy.local.errors import StackError

PROC = Path("/proc")
BOOT_ID = PROC / "sys/kernel/random/boot_id"
POLL_SECONDS = 0.05
KILL_SECONDS_MAX = 10
STATE_FIELD, STARTED_FIELD = 0, 19
"""Positions in /proc/<pid>/stat after the command name: proc(5) numbers them 3 and 22."""


class ProcessIdentity(BaseModel):
    """A pid with the moment its process started (clock ticks after boot) and the boot that this counts from."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """The process that has this pid now; None when there is none, or only its unreaped remains."""
        try:
            text = (PROC / str(pid) / "stat").read_text()
            boot_id = BOOT_ID.read_text().strip()
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        if fields[STATE_FIELD] in "ZX":
            return None
        return cls(pid=pid, started_ticks=int(fields[STARTED_FIELD]), boot_id=boot_id)

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return ProcessIdentity.of(self.pid) == self

    def send(self, number: int) -> bool:
        """Signal this very process; False when it is gone. StackError when it belongs to another user."""
        if not self.is_alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:
            raise StackError(
                f"Process {self.pid} belongs to another user; end the stack as the user who started it."
            ) from None
        return True


def wait_until(condition: Callable[[], bool], seconds_max: float) -> bool:
    """Poll until the condition holds; False when the time is over."""
    deadline = time.monotonic() + seconds_max
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(POLL_SECONDS)
    return True


def end(processes: Iterable[ProcessIdentity], grace_seconds: float) -> None:
    """Wait for processes to end by themselves or by an earlier signal, then kill those that did not."""
    remaining = list(processes)
    if wait_until(lambda: not any(each.is_alive() for each in remaining), grace_seconds):
        return
    for each in remaining:
        each.send(signal.SIGKILL)
    if not wait_until(lambda: not any(each.is_alive() for each in remaining), KILL_SECONDS_MAX):
        pids = ", ".join(str(each.pid) for each in remaining if each.is_alive())
        raise StackError(f"These processes can't be ended: {pids}.")


def find_marked(mark: str) -> Iterator[ProcessIdentity]:
    """Processes that inherited this mark in their environment: whatever the stack started, at any depth."""
    wanted = f"DARKROOM_STACK_MARK={mark}".encode()
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in variables and (found := ProcessIdentity.of(int(entry.name))):
            yield found
