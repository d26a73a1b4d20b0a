"""What the supervisor runs: a description of each process, and the tie that ends it with its supervisor."""

import ctypes
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Account:
    """A user that a server runs as when the stack itself runs as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    """One process to keep alive.

    rank: programs of a higher rank start after and stop before those of a lower one.
    stop_signal, stop_seconds: how it is asked to end, and how long it may take before it is killed.
    orphan_signal: what the kernel sends it when the supervisor dies.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    rank: int
    port: int = 0
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15
    orphan_signal: signal.Signals = signal.SIGKILL


def tie_to_parent(orphan_signal: signal.Signals) -> Callable[[], None]:
    """A function to call between fork and exec: the kernel then signals the child when this process dies."""
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def tie() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(orphan_signal))
        if os.getppid() != parent:  # it died before the tie was made
            os._exit(1)

    return tie
