"""What a worker process may use, and how it gives up the right to more."""

import ctypes
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from shared.sniff import FRAMES_MAX, PIXELS_MAX

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
OOM_SCORE_WORSE = "500"


@dataclass(frozen=True)
class SandboxLimits:
    """Limits of each worker; seconds, cpu_seconds and output_bytes are per task.

    tasks_max and resident_bytes_max: a worker that reaches either is replaced after its task.
    returned_bytes_min: blocks of memory from this size on go back to the system at once when they are free; None: as
    the C library sees fit, which is quicker and keeps more.
    """

    seconds: float = 60.0
    cpu_seconds: int = 30
    memory_bytes: int = 2 << 30
    output_bytes: int = 256 << 20
    files: int = 64
    niceness: int = 10
    pixels_max: int = PIXELS_MAX
    frames_max: int = FRAMES_MAX
    tasks_max: int = 2_000
    resident_bytes_max: int = 400 << 20
    returned_bytes_min: int | None = None


def confine(limits: SandboxLimits, parent: int) -> None:
    """Limit this process for good; it ends when `parent` does."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    Path("/proc/self/oom_score_adj").write_text(OOM_SCORE_WORSE)  # rather a worker than the database
    if limits.returned_bytes_min is not None:
        libc.mallopt(M_TRIM_THRESHOLD, limits.returned_bytes_min)
        libc.mallopt(M_MMAP_THRESHOLD, limits.returned_bytes_min)
    os.umask(0o077)
    os.nice(limits.niceness)
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.output_bytes),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def renew_cpu_seconds(seconds: int) -> None:
    """Allow this process `seconds` of processor time from now on; beyond them the kernel sends SIGXCPU."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, hard))


def resident_bytes() -> int:
    """Memory of this process in RAM, now."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()
