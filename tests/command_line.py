"""The command line as tests call it: a process of its own, as users start it."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local.stack import Stack

CHECKOUT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "client.cli")
SECONDS_MAX = 90


@dataclass(frozen=True)
class CommandLine:
    """./darkroom in a folder, beside one stack."""

    stack: Stack
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the launcher sets, and the stack that is meant."""
        return dict(os.environ) | {"DARKROOM_CWD": str(self.folder), "DARKROOM_HOME": str(self.stack.home.folder)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; returncode, stdout and stderr tell how it went."""
        return subprocess.run(
            [*COMMAND, *arguments],
            check=False,
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command that is to be interrupted."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_interrupts,
        )


def _heed_interrupts() -> None:
    """A shell that runs the tests in the background has them ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
