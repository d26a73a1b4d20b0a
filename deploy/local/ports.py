"""Free loopback ports, below the range from which the system takes ports for outgoing connections.

A port from that range could be taken by any client in the seconds in which a killed broker restarts.
"""

import random
import socket
from collections.abc import Iterable

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
TRIES_MAX = 500


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
    for name in names:
        candidates = [*wished.get(name, []), *(chance.choice(PORTS) for _ in range(TRIES_MAX))]
        chosen[name] = next(port for port in candidates if port not in chosen.values() and is_free(port))
    return chosen
