"""The private Postgres cluster: made once, run on loopback TCP only, with a role and a schema for each service."""

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import asyncpg

from deploy.local.binaries import Binaries
from deploy.local.errors import StackError
from deploy.local.ports import LOOPBACK
from deploy.local.programs import Account, Program
from deploy.local.state import CHECKOUT, SERVICES, Home, State

OWNER = "postgres"
DATABASE = "darkroom"
ROLES = CHECKOUT / "deploy/postgres/roles.sql"
ACCOUNTS = ("postgres", "nobody")
ELSEWHERE = Path("/var/tmp")
CONNECT_SECONDS_MAX = 2
ROLES_SECONDS_MAX = 30

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "fsync": "on",
    "jit": "off",
    "timezone": "UTC",
}


def choose_account() -> Account | None:
    """The user to run Postgres as: it refuses root, everybody else runs it as themselves."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise StackError("Postgres does not run as root, and there is no user 'postgres' to run it as: create one.")


def _can_enter(account: Account, folder: Path) -> bool:
    asked = subprocess.run(
        ["test", "-x", str(folder)], check=False, cwd="/", user=account.uid, group=account.gid, extra_groups=[]
    )
    return asked.returncode == 0


def choose_folder(home: Home, account: Account | None) -> Path:
    """In the home; or, when the account can't get there (a checkout below /root), in a folder named after the home."""
    if account is None or _can_enter(account, home.folder):
        return home.postgres
    digest = hashlib.sha256(str(home.folder).encode()).hexdigest()[:12]
    return ELSEWHERE / f"darkroom-{digest}"


def forget_cluster(folder: Path) -> None:
    """Remove a cluster whose home is gone, and its passwords with it."""
    if folder.parent == ELSEWHERE and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder(folder: Path, account: Account | None) -> None:
    """Make the folder for its account alone; StackError when someone else holds that name (/var/tmp is everybody's)."""
    owner = account.uid if account else os.geteuid()
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid not in (0, owner)):
        raise StackError(f"{folder} belongs to someone else: remove it, or set DARKROOM_HOME to another folder.")
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.uid, account.gid)


def make_cluster(folder: Path, binaries: Binaries, password: str, account: Account | None) -> None:
    """Make the cluster, unless it is there: beside its place first, so that half of one is never taken for a whole."""
    data, half = folder / "data", folder / "data.new"
    if data.exists():
        return
    _make_folder(folder, account)
    shutil.rmtree(half, ignore_errors=True)
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if account:
        os.chown(password_file, account.uid, account.gid)
    command = [str(binaries.postgres_folder / "initdb"), "--pgdata", str(half), "--pwfile", str(password_file)]
    command += ["--username", OWNER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"]
    user = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **user)  # type: ignore[call-overload]
    password_file.unlink()
    if done.returncode != 0:
        raise StackError(f"initdb failed: {done.stderr.strip().splitlines()[-1]}")
    half.rename(data)


def forget_reused_pid(data: Path) -> None:
    """Remove a lock file whose pid belongs to another program now: Postgres would refuse to start after a reboot."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    command = Path("/proc") / lock.read_text().splitlines()[0] / "comm"
    if command.exists() and command.read_text().strip() != "postgres":
        lock.unlink()


def server(folder: Path, state: State, binaries: Binaries, account: Account | None) -> Program:
    """The server. SIGINT is its fast shutdown: connections are ended, everything is written."""
    settings = SETTINGS | {"port": str(state.ports["postgres"])}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Program(
        name="postgres",
        command=(str(binaries.postgres_folder / "postgres"), "-D", str(folder / "data"), *arguments),
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "DARKROOM_STACK_MARK": state.mark},
        folder=Path("/"),
        rank=1,
        port=state.ports["postgres"],
        account=account,
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
    )


def url(state: State, service: str = "", database: str = DATABASE) -> str:
    """The address for a service's own role; for the cluster's owner when no service is named."""
    user, password = (f"darkroom_{service}", state.secrets[service]) if service else (OWNER, state.secrets["postgres"])
    return f"postgresql://{user}:{password}@{LOOPBACK}:{state.ports['postgres']}/{database}"


async def make_database(state: State) -> bool:
    """Make the database unless it is there; False when the server does not take connections yet."""
    try:
        connection = await asyncpg.connect(url(state, database=OWNER), timeout=CONNECT_SECONDS_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()
    return True


async def make_roles(state: State, binaries: Binaries) -> None:
    """Bring the services' roles, schemas and passwords to what the state says."""
    passwords = {f"DARKROOM_{service.upper()}_PASSWORD": state.secrets[service] for service in SERVICES}
    owner = {"PGPASSWORD": state.secrets["postgres"], "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    address = ["-h", LOOPBACK, "-p", str(state.ports["postgres"]), "-U", OWNER, "-d", DATABASE]
    process = await asyncio.create_subprocess_exec(
        str(binaries.postgres_folder / "psql"),
        *("--no-psqlrc", "--quiet", *address, "--file", str(ROLES)),
        env=owner | passwords,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(ROLES_SECONDS_MAX):
        _, errors = await process.communicate()
    if process.returncode != 0:
        raise StackError(f"Postgres refused the services' roles: {errors.decode(errors='replace').strip()}")
