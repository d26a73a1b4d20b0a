"""Stacks, origins and receivers as processes of the tests' own, ended whatever happens."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from deploy.local.logs import last_lines
from deploy.local.stack import Stack

CHECKOUT = Path(__file__).resolve().parents[1]
STOP_SECONDS_MAX = 10
LOG_LINES = 15

SETTINGS = {
    "DARKROOM_FETCH_ALLOW": "127.0.0.1/32",
    "DARKROOM_FETCH_DELAYS_SECONDS": "[0.2, 0.4, 0.8]",
    "DARKROOM_FETCH_IDLE_SECONDS": "3",
    "DARKROOM_FETCH_TOTAL_SECONDS": "6",
    "DARKROOM_FETCH_PER_HOST_CONNECTIONS": "16",
    "DARKROOM_SOURCE_BYTES_MAX": "5000000",
    "DARKROOM_UPLOAD_BYTES_MAX": "5000000",
    "DARKROOM_BATCH_FILE_BYTES_MAX": "1000000",
    "DARKROOM_BATCH_BYTES_MAX": "3000000",
    "DARKROOM_ENHANCE_WORKERS": "2",
    "DARKROOM_WEBHOOK_LEASE_SECONDS": "5",
    "DARKROOM_BATCH_SWEEP_SECONDS": "0.5",
    "DARKROOM_DELETED_RESULTS_SECONDS": "1",
    "DARKROOM_PRICES": "{}",
}
"""Impatient and small, so that tests see the limits soon; loopback origins are allowed."""

NO_SETTINGS: Mapping[str, str] = {}

FIRST_PORT, PORTS = 20_000, 12_000

running: list[Stack] = []


def keep_to_own_ports() -> None:
    """Of several test processes at once each takes ports from a range of its own."""
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER"), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if worker:
        width = PORTS // workers
        first = FIRST_PORT + int(worker.removeprefix("gw")) * width
        os.environ["DARKROOM_LOCAL_PORTS"] = f"{first}-{first + width - 1}"


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_stack(*, services: bool = True, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Stack]:
    """A stack in a temporary home, with SETTINGS and `settings`; destroyed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="dr-", dir="/tmp"))
    folder.chmod(0o711)  # Postgres' own user has to pass
    stack = Stack(folder / "home")
    running.append(stack)
    try:
        with patch.dict("os.environ", DARKROOM_GATEWAY_PORT=str(free_port())):
            stack.start(services, extra={**SETTINGS, **settings})
        yield stack
    finally:
        stack.destroy()
        running.remove(stack)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_program(*command: str) -> Iterator[str]:
    """A program of ours that prints {"url": …} when it is ready; its URL."""
    program = subprocess.Popen([sys.executable, "-m", *command], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    try:
        yield json.loads(program.stdout.readline())["url"]
    finally:
        program.terminate()
        program.wait(STOP_SECONDS_MAX)


def log_tails() -> Iterator[tuple[str, str]]:
    """The last lines of every log of the stacks that run now, as (title, text)."""
    for stack in running:
        for log in sorted(stack.home.logs.glob("*.log")):
            if lines := last_lines(log, LOG_LINES):
                yield f"{log.stem} ({stack.home.folder})", "\n".join(lines)


@contextmanager
def frozen(stack: Stack, name: str) -> Iterator[None]:
    """A service that stands still for a while and then goes on."""
    stack.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        stack.kill(name, signal.SIGCONT)
