"""Servers of this package as processes of their own, for as long as a block runs."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.logs import last_lines, open_log
from deploy.local.programs import tie_to_parent
from shared.errors import DarkroomError

END_SECONDS_MAX = 5


class DidNotStart(DarkroomError):
    """A server of ours did not start."""


@contextmanager
def server(module: str, *arguments: str, folder: Path, log: Path) -> Iterator[str]:
    """Run a module that says {"url": …} when it is ready, and end it with the block; gives its address.

    It dies with this process too, however that ends. folder: where it runs; log: what it complains of.
    """
    with open_log(log) as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
            preexec_fn=tie_to_parent(signal.SIGKILL),
        )
    try:
        yield _address(process, module, log)
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: "subprocess.Popen[str]", module: str, log: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise DidNotStart(f"{module} did not start: {' '.join(last_lines(log, 1))} (see {log})")
    return str(json.loads(line)["url"])
