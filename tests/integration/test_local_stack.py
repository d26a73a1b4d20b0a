"""The private RabbitMQ and Postgres: reachable on loopback only, apart per service, and back after any kill."""

import signal
from collections.abc import AsyncIterator, Iterator

import aio_pika
import asyncpg
import httpx
import psutil
import pytest

from deploy.local.errors import StackError
from deploy.local.identity import find_marked, wait_until
from deploy.local.stack import Stack

QUEUE = "kept.through.kills"
BROKERS = {"epmd", "rabbitmq", "postgres"}
BACK_SECONDS_MAX = 45


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    found = Stack(tmp_path_factory.mktemp("local stack") / "home")
    try:
        found.start(services=False)
        yield found
    finally:
        found.destroy()


@pytest.fixture
async def owner(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.urls.postgres_owner)
    yield connection
    await connection.close()


async def publish(stack: Stack, body: bytes) -> None:
    async with await aio_pika.connect(stack.urls.amqp) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, QUEUE)


def is_registered(stack: Stack) -> bool:
    """Whether the queue's own name is on disk: RabbitMQ before 4.0 writes it up to a second after the declaration.

    A node killed in that second forgets which log belongs to the queue (github.com/rabbitmq/ra/pull/443).
    """
    registries = stack.home.rabbitmq.glob("data/quorum/*/names.dets")
    return any(QUEUE.encode() in registry.read_bytes() for registry in registries)


async def consume(stack: Stack) -> bytes:
    async with await aio_pika.connect(stack.urls.amqp) as connection:
        queue = await (await connection.channel()).get_queue(QUEUE)
        message = await queue.get(timeout=10)
        await message.ack()
        return message.body


def test_both_brokers_answer(stack: Stack) -> None:
    assert {row.name: row.health for row in stack.status()} == dict.fromkeys(BROKERS, "healthy")


def test_starting_what_runs_changes_nothing(stack: Stack) -> None:
    before = stack.state()
    assert stack.start(services=False) is False
    assert stack.state() == before


def test_nothing_listens_beyond_loopback(stack: Stack) -> None:
    state = stack.state()
    assert state is not None
    listening = [
        connection.laddr.ip
        for process in (psutil.Process(member.process.pid) for member in state.members.values())
        for connection in process.net_connections(kind="all")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 5
    assert set(listening) <= {"127.0.0.1", "::1"}


def test_secrets_are_for_their_owner_only(stack: Stack) -> None:
    private = [stack.home.state_file, stack.home.rabbitmq / "rabbitmq.conf", stack.home.log_of("rabbitmq")]
    assert [oct(path.stat().st_mode & 0o777) for path in private] == ["0o600"] * 3


async def test_the_console_wants_its_login_and_knows_no_guest(stack: Stack) -> None:
    urls = stack.urls
    async with httpx.AsyncClient(base_url=urls.management, trust_env=False) as console:
        ours = await console.get("/api/overview", auth=(urls.management_user, urls.management_password))
        guest = await console.get("/api/overview", auth=("guest", "guest"))
    assert (ours.status_code, guest.status_code) == (200, 401)


async def test_a_service_reaches_its_own_schema_only(stack: Stack) -> None:
    ledger = await asyncpg.connect(stack.urls.postgres["ledger"])
    gateway = await asyncpg.connect(stack.urls.postgres["gateway"])
    try:
        await ledger.execute("CREATE TABLE secrets (id int)")
        assert await ledger.fetchval("SELECT 'ledger.secrets'::regclass = 'secrets'::regclass")
        for statement in ("SELECT * FROM ledger.secrets", "CREATE TABLE ledger.mine ()", "CREATE TABLE public.mine ()"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await gateway.execute(statement)
    finally:
        await ledger.close()
        await gateway.close()


async def test_no_role_gets_in_without_its_password(stack: Stack) -> None:
    url = stack.urls.postgres["ledger"].replace(stack.urls.postgres["ledger"].split(":")[2].split("@")[0], "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url)


async def test_brokers_come_back_after_a_kill_with_their_data_on_the_same_ports(
    stack: Stack, owner: asyncpg.Connection
) -> None:
    urls = stack.urls
    await publish(stack, b"confirmed")
    assert wait_until(lambda: is_registered(stack), 5)
    await owner.execute("CREATE TABLE kept AS SELECT 'committed' AS word")
    for name in BROKERS:
        stack.kill(name, signal.SIGKILL)

    def are_back() -> bool:
        rows = {row.name: row for row in stack.status()}
        return all(rows[name].restarts >= 1 and rows[name].health == "healthy" for name in BROKERS)

    assert wait_until(are_back, BACK_SECONDS_MAX)
    assert stack.urls == urls
    assert await consume(stack) == b"confirmed"
    connection = await asyncpg.connect(urls.postgres_owner)
    assert await connection.fetchval("SELECT word FROM kept") == "committed"
    await connection.close()


def test_a_killed_supervisor_leaves_nothing_for_ever_and_the_next_start_finds_the_data(stack: Stack) -> None:
    state, urls = stack.state(), stack.urls
    assert state is not None
    before = set(find_marked(state.mark)) | {member.process for member in state.members.values()}
    stack.kill("supervisor", signal.SIGKILL)
    assert wait_until(lambda: not stack.is_running, 5)

    assert stack.start(services=False) is True
    assert not any(process.is_alive() for process in before)
    assert stack.urls == urls


def test_down_leaves_no_process(stack: Stack) -> None:
    state = stack.state()
    assert state is not None
    before = set(find_marked(state.mark)) | {member.process for member in state.members.values()}
    assert len(before) > len(BROKERS)

    assert stack.stop() is True
    assert not any(process.is_alive() for process in before)
    assert list(find_marked(state.mark)) == []
    assert stack.status() == []
    assert stack.stop() is False


def test_data_without_its_passwords_is_not_overwritten(stack: Stack) -> None:
    stack.stop(gently=False)
    kept = stack.home.state_file.read_bytes()
    stack.home.state_file.unlink()
    with pytest.raises(StackError, match="passwords"):
        stack.start(services=False)
    stack.home.state_file.write_bytes(kept)
