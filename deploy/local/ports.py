"""Free loopback ports, below the range from which the system takes ports for outgoing connections.

A port from that range could be taken by any client in the seconds in which a killed broker restarts.
"""

import os
import random
import re
import socket
from collections.abc import Iterable

from deploy.local.errors import StackError

LOOPBACK = "127.0.0.1"
USUAL = "20000-31999"
TRIES_MAX = 500


def allowed() -> range:
    """The ports to choose from: DARKROOM_LOCAL_PORTS, so that stacks that start at the same time never meet."""
    named = os.environ.get("DARKROOM_LOCAL_PORTS") or USUAL
    matched = re.fullmatch(r"(\d{4,5})-(\d{4,5})", named)
    if matched is None or not 1024 <= int(matched[1]) < int(matched[2]) <= 65_535:
        raise StackError(f"DARKROOM_LOCAL_PORTS={named} is no range of ports like {USUAL}.")
    return range(int(matched[1]), int(matched[2]) + 1)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose(names: Iterable[str], wished: dict[str, list[int]], chance: random.Random) -> dict[str, int]:
    """One free port per name: the first of its wishes that is free, else a random one; all distinct."""
    chosen: dict[str, int] = {}
    ports = allowed()
    for name in names:
        candidates = [*wished.get(name, []), *(chance.choice(ports) for _ in range(TRIES_MAX))]
        chosen[name] = next(port for port in candidates if port not in chosen.values() and is_free(port))
    return chosen
