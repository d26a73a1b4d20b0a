"""A second gateway beside a stack's own one: the same database, broker and files, another port."""

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from deploy.local import services
from deploy.local.identity import wait_until
from deploy.local.programs import tie_to_parent
from deploy.local.stack import Stack
from tests.stacks import NO_SETTINGS, SETTINGS, free_port

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10


@contextmanager
def second_gateway(stack: Stack, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[str]:
    """Run it for a block; gives its URL."""
    state = stack.state()
    assert state is not None
    port = free_port()
    extra = {**SETTINGS, **settings, "DARKROOM_GATEWAY_PORT": str(port), "DARKROOM_HEALTH_PORT": "0"}
    (program,) = (each for each in services.programs(stack.home, state, extra) if each.name == "gateway")
    process = subprocess.Popen(
        program.command,
        cwd=program.folder,
        env=dict(program.environment),
        stdout=subprocess.DEVNULL,
        preexec_fn=tie_to_parent(signal.SIGKILL),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        assert wait_until(lambda: answers(url), START_SECONDS_MAX), "the second gateway did not start"
        yield url
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)


def answers(url: str) -> bool:
    """Whether a gateway is healthy there."""
    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
