"""Log files of the local stack: written by the processes themselves, turned by size."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO

LOG_BYTES_MAX = 20_000_000
GENERATIONS = 3


def open_log(path: Path) -> BinaryIO:
    """A log file to hand to a process: appended to, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0)


def turn(path: Path, bytes_max: int = LOG_BYTES_MAX) -> bool:
    """Copy a log that has grown too large to <name>.1 (older ones to .2 and .3) and empty it; False when it is small.

    The writer keeps its file open, so the file is emptied, not renamed: what it writes during the copy can be lost.
    """
    if not path.exists() or path.stat().st_size <= bytes_max:
        return False
    for number in range(GENERATIONS - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
    return True


def last_lines(path: Path, count: int, bytes_max: int = 1_000_000) -> list[str]:
    """The last lines of a log, read from its end."""
    if count < 1 or not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - bytes_max))
        text = file.read().decode(errors="replace")
    return text.splitlines()[-count:]
