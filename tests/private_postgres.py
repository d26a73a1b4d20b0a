"""A Postgres of the tests' own: a fresh cluster in a temporary folder, reached by a Unix socket only."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS_MAX = 20


def _program(name: str) -> str:
    found = shutil.which(name) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    assert found, f"{name} is not installed"
    return found


def _as_postgres(*command: str) -> list[str]:
    """Postgres refuses to run as root; and it ends when the tests end, however they end."""
    other_user = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *other_user, "--pdeathsig=TERM", *command]


@contextmanager
def postgres(*options: str) -> Iterator[str]:
    """Start a cluster with `options` (name=value) and give its URL; the server may need a moment still."""
    with tempfile.TemporaryDirectory(prefix="darkroom-test-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = f"{folder}/data"
        initdb = _as_postgres(
            _program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        subprocess.run(initdb, check=True, capture_output=True, cwd="/")
        settings = ["listen_addresses=", f"unix_socket_directories={folder}", "max_connections=100", *options]
        arguments = [argument for setting in settings for argument in ("-c", setting)]
        server = subprocess.Popen(
            _as_postgres(_program("postgres"), "-D", data, *arguments), cwd="/", stderr=subprocess.DEVNULL
        )
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            server.terminate()
            server.wait(STOP_SECONDS_MAX)
