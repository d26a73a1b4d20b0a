"""Installs missing servers with the system's package manager, when that is allowed, without starting any of them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local.errors import StackError

Report = Callable[[str], None]

SCRIPT = Path(__file__).with_name("install.sh")
INSTALL_SECONDS_MAX = 900


def _privilege() -> list[str] | None:
    """What to put before a command that needs root: nothing, sudo without a question, or None when it can't be had."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def install(names: Sequence[str], report: Report) -> None:
    """Install Debian packages; StackError names them when that is impossible."""
    wanted = " ".join(names)
    if shutil.which("apt-get") is None:
        raise StackError(
            f"Install these first, then try again: {wanted} (PostgreSQL 14 or later, RabbitMQ 3.10 or later)."
        )
    privilege = _privilege()
    if privilege is None:
        raise StackError(f"Install these first, then try again: sudo apt-get install {wanted}")
    report(f"Installing {wanted} (once; their own servers stay off)")
    with tempfile.NamedTemporaryFile(prefix="darkroom-install-", suffix=".log") as log:
        done = subprocess.run(
            [*privilege, "sh", str(SCRIPT), *names],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_SECONDS_MAX,
        )
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
    if done.returncode != 0:
        raise StackError(f"apt-get could not install {wanted}: {lines[-1] if lines else 'it said nothing'}")
