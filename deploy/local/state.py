"""What the local stack remembers in its home: ports, passwords and processes, in a file that only its owner reads."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Literal

from cryptography.fernet import Fernet
from pydantic import BaseModel, Field, ValidationError

from deploy.local.errors import StackError
from deploy.local.identity import ProcessIdentity

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICES = ("gateway", "fetcher", "enhancer", "exporter", "ledger")
DEMO_SERVERS = ("origin", "receiver")
PORT_NAMES = ("amqp", "management", "distribution", "epmd", "postgres", *SERVICES, *DEMO_SERVERS)
"""A service's port answers its health checks; the gateway's is its HTTP API. The demo's two are kept free for it."""

Phase = Literal["starting", "running", "stopping", "stopped", "failed"]


class Member(BaseModel):
    """A process of the stack as the supervisor last saw it; started_at in seconds since the epoch."""

    process: ProcessIdentity
    port: int
    started_at: float
    restarts: int = 0


def make_secrets() -> dict[str, str]:
    """A password for the broker, for Postgres' owner and for each service, and the key that seals webhook secrets."""
    names = ("broker", "postgres", *SERVICES)
    return {name: secrets.token_urlsafe(18) for name in names} | {"seal": Fernet.generate_key().decode()}


class State(BaseModel):
    """All that commands need to know to find, judge and end a stack."""

    version: Literal[1] = 1
    phase: Phase = "stopped"
    error: str = ""
    with_services: bool = True
    mark: str = Field(default_factory=lambda: secrets.token_hex(16), description="inherited by all its processes")
    supervisor: ProcessIdentity | None = None
    members: dict[str, Member] = {}
    ports: dict[str, int] = {}
    secrets: dict[str, str] = Field(default_factory=make_secrets)
    postgres_folder: Path | None = None
    postgres_programs: Path | None = None

    @property
    def is_supervised(self) -> bool:
        """Whether its supervisor runs now, and is the process that wrote this, not one that got its pid."""
        return self.supervisor is not None and self.supervisor.is_alive()


class Home:
    """The folder of one stack: its state, data and logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.state_file = self.folder / "state.json"
        self.lock_file = self.folder / "lock"
        self.logs = self.folder / "logs"
        self.rabbitmq = self.folder / "rabbitmq"
        self.postgres = self.folder / "postgres"
        self.blobs = self.folder / "blobs"
        self.demo = self.folder / "demo"
        self.admin_key_file = self.folder / "admin.key"

    def make(self) -> None:
        """Make the folder; others may pass through it (Postgres' own user must), not look into it."""
        if not self.folder.exists():
            self.folder.mkdir(mode=0o711, parents=True)

    def clear(self) -> None:
        """Remove what the stack put here, and the folder when it is empty then: it can be one that the user chose."""
        for folder in (self.logs, self.rabbitmq, self.blobs, self.postgres, self.demo):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.state_file, self.lock_file, *self.folder.glob(f"{self.admin_key_file.name}*")):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def log_of(self, name: str) -> Path:
        """The log file of one member."""
        return self.logs / f"{name}.log"

    def load(self) -> State | None:
        """The remembered state, None when there is none; StackError when it can't be read."""
        try:
            return State.model_validate_json(self.state_file.read_bytes())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise StackError(f"{self.state_file} belongs to another user: run this as the user who ran up.") from None
        except ValidationError:
            raise StackError(f"{self.state_file} is damaged: end its processes and remove {self.folder}.") from None

    def save(self, state: State) -> None:
        """Replace the state file in one step, so that a reader never sees half of it."""
        fresh = self.state_file.with_name(f"state.{os.getpid()}.tmp")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(state.model_dump_json(indent=2))
        fresh.replace(self.state_file)


def default_home() -> Home:
    """DARKROOM_HOME (relative to where the user stands), else .darkroom in the checkout."""
    named = os.environ.get("DARKROOM_HOME")
    if not named:
        return Home(CHECKOUT / ".darkroom")
    return Home(Path(os.environ.get("DARKROOM_CWD", ".")) / Path(named).expanduser())
