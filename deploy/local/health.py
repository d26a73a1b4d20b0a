"""Whether a member of the stack answers: asked over its own protocol, so that a listening but stuck server shows."""

import http.client
import socket
import struct
from typing import Literal

from deploy.local.ports import LOOPBACK

Health = Literal["healthy", "not ready", "silent", "restarting"]
"""not ready: says so itself. silent: alive, without an answer. restarting: dead, its supervisor sees to it."""

ANSWER_SECONDS_MAX = 2.0
AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME = b"\x01"
POSTGRES_TLS_QUESTION = struct.pack("!II", 8, 80877103)


def _first_byte(port: int, question: bytes) -> bytes:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS_MAX) as connection:
            connection.sendall(question)
            return connection.recv(1)
    except OSError:
        return b""


def of_broker(port: int) -> Health:
    """A broker that accepts clients greets with a method frame."""
    return "healthy" if _first_byte(port, AMQP_GREETING) == METHOD_FRAME else "silent"


def of_postgres(port: int) -> Health:
    """Postgres says in one byte whether it speaks TLS."""
    return "healthy" if _first_byte(port, POSTGRES_TLS_QUESTION) in (b"S", b"N") else "silent"


def of_port_mapper(port: int) -> Health:
    """The port mapper answers a request for its names (length 1, letter n) with its port."""
    return "healthy" if _first_byte(port, b"\x00\x01n") else "silent"


def of_service(port: int) -> Health:
    """A service answers /health/ready with 200, or with another status while it can't work."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("GET", "/health/ready")
        return "healthy" if connection.getresponse().status == http.HTTPStatus.OK else "not ready"
    except (OSError, http.client.HTTPException):
        return "silent"
    finally:
        connection.close()


PROBES = {"rabbitmq": of_broker, "postgres": of_postgres, "epmd": of_port_mapper}


def of(name: str, port: int) -> Health:
    """The health of a member by its name."""
    return PROBES.get(name, of_service)(port)
