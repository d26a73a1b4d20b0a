"""Where the servers' programs are: on PATH, or where Debian keeps them away from it."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local import packages
from deploy.local.errors import StackError
from deploy.local.packages import Report

POSTGRES_PROGRAMS = ("postgres", "initdb", "psql")
POSTGRES_FOLDERS = (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/pgsql"))
RABBITMQ_FOLDERS = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/rabbitmq/sbin"))
EPMD_FOLDERS = (Path("/usr/bin"), Path("/usr/lib/erlang/bin"), Path("/usr/local/bin"))
DEBIAN_WRAPPER = "rabbitmq-script-wrapper"
"""Debian's command on PATH changes to the user rabbitmq and its system-wide node; it is not the program itself."""


@dataclass(frozen=True)
class Binaries:
    """The programs of both servers: a folder for Postgres, files for RabbitMQ and its port mapper."""

    postgres_folder: Path
    rabbitmq_server: Path
    epmd: Path


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", folder.parent.name))


def _postgres_candidates(remembered: Path | None) -> Iterator[Path]:
    if remembered:
        yield remembered
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    for root in POSTGRES_FOLDERS:
        yield from sorted(root.glob("*/bin"), key=_version, reverse=True)


def find_postgres(remembered: Path | None) -> Path | None:
    """The folder with all of Postgres' programs; first the one that made the existing data."""
    for folder in _postgres_candidates(remembered):
        if all((folder / program).is_file() for program in POSTGRES_PROGRAMS):
            return folder
    return None


def find_rabbitmq() -> Path | None:
    """RabbitMQ's own start script."""
    found = shutil.which("rabbitmq-server")
    on_path = [Path(found).resolve()] if found else []
    for script in [*(folder / "rabbitmq-server" for folder in RABBITMQ_FOLDERS), *on_path]:
        if script.is_file() and script.name != DEBIAN_WRAPPER:
            return script
    return None


def find_epmd() -> Path | None:
    """Erlang's port mapper, which a RabbitMQ node needs to start."""
    found = shutil.which("epmd")
    candidates = [*([Path(found)] if found else []), *(folder / "epmd" for folder in EPMD_FOLDERS)]
    return next((path for path in candidates if path.is_file()), None)


def find(remembered_postgres: Path | None = None) -> Binaries | None:
    """All programs, or None when one is missing."""
    postgres, rabbitmq, epmd = find_postgres(remembered_postgres), find_rabbitmq(), find_epmd()
    if postgres and rabbitmq and epmd:
        return Binaries(postgres, rabbitmq, epmd)
    return None


def find_or_install(remembered_postgres: Path | None, report: Report) -> Binaries:
    """All programs, installed when they are missing and that is allowed; else StackError says what to install."""
    if found := find(remembered_postgres):
        return found
    missing = []
    if not (find_rabbitmq() and find_epmd()):
        missing.append("rabbitmq-server")
    if not find_postgres(remembered_postgres):
        missing.append("postgresql")
    packages.install(missing, report)
    if found := find(remembered_postgres):
        return found
    raise StackError(f"{' and '.join(missing)} got installed, but the programs were not found where they are expected.")
