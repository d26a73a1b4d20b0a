"""Postgres and RabbitMQ for tests that need no services: given ones, containers, or private ones of this machine.

DARKROOM_TEST_POSTGRES_URL and DARKROOM_TEST_AMQP_URL name servers that are there already.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from tests.private_postgres import postgres
from tests.stacks import running_stack

POSTGRES_IMAGE = "postgres:17"
RABBITMQ_IMAGE = "rabbitmq:4-management"
ANSWER_SECONDS_MAX = 5


def has_docker() -> bool:
    """Whether a Docker engine answers."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=ANSWER_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a server whose databases may come and go."""
    if given := os.environ.get("DARKROOM_TEST_POSTGRES_URL"):
        yield given
    elif has_docker():
        from testcontainers.postgres import PostgresContainer  # noqa: PLC0415 (asks for the engine when imported)

        with PostgresContainer(POSTGRES_IMAGE, driver=None) as container:
            yield container.get_connection_url()
    else:
        with postgres("fsync=off") as url:
            yield url


@contextmanager
def running_rabbitmq() -> Iterator[str]:
    """The URL of a broker with a virtual host for tests."""
    if given := os.environ.get("DARKROOM_TEST_AMQP_URL"):
        yield given
    elif has_docker():
        from testcontainers.rabbitmq import RabbitMqContainer  # noqa: PLC0415 (as above)

        with RabbitMqContainer(RABBITMQ_IMAGE) as container:
            host, port = container.get_container_host_ip(), container.get_exposed_port(container.port)
            yield f"amqp://{container.username}:{container.password}@{host}:{port}/"
    else:
        with running_stack(services=False) as stack:
            yield stack.urls.amqp


async def create_database(server_url: str) -> str:
    """An empty database beside the server's own; its URL."""
    name = f"test_{uuid4().hex[:12]}"
    await _execute(server_url, f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


async def drop_database(server_url: str, url: str) -> None:
    """Remove what `create_database` made, whoever is still connected."""
    await _execute(server_url, f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS_MAX)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
