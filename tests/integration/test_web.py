"""The guarded client against real servers that misbehave."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.errors import Permanent, Transient
from shared.web import Allowance, Downloaded, GuardedClient, Limits
from tests.hostile_origin import BODY, HostileOrigin, hostile_origin

QUICK = Limits(
    connect_seconds=0.5,
    idle_seconds=0.3,
    total_seconds=0.5,
    resolve_seconds=0.5,
    bytes_max=100_000,
    host_wait_seconds=0.3,
)
LOCAL = Allowance.parse("127.0.0.1/32")


@asynccontextmanager
async def guarded(limits: Limits = QUICK, **options: Any) -> AsyncIterator[GuardedClient]:
    async with GuardedClient.open(**{"allowance": LOCAL, "limits": limits, **options}) as client:
        yield client


@pytest.fixture
async def origin() -> AsyncIterator[HostileOrigin]:
    async with hostile_origin() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with guarded() as opened:
        yield opened


def names_of(**hosts: str) -> Callable[[str], Awaitable[Sequence[str]]]:
    """Make a resolver from `name=address`, each name ending in .test."""

    async def look_up(name: str) -> Sequence[str]:
        return [hosts[name.removesuffix(".test")]]

    return look_up


async def eventually(condition: Callable[[], bool], seconds_max: float = 5) -> None:
    """Let the loop turn until the condition holds."""
    async with asyncio.timeout(seconds_max):
        while not condition():  # noqa: ASYNC110 - a file has no event to wait for
            await asyncio.sleep(0)


# --- what works ---


@pytest.mark.parametrize("path", ["/a.jpg", "/chunked", "/undelimited", "/identity", "/cookie", "/a?status=203"])
async def test_a_body_arrives_whole_with_its_digest(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, path: str
) -> None:
    found = await client.download(origin.url(path), into=tmp_path / "body")
    assert found == Downloaded(
        path=tmp_path / "body",
        bytes=len(BODY),
        digest=hashlib.sha256(BODY).hexdigest(),
        content_type="image/jpeg",
        url=origin.url(path),
        validator=None,
    )
    assert found.path.read_bytes() == BODY


async def test_the_request_says_what_it_wants_and_nothing_about_us(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    await client.download(origin.url("/cookie"), into=tmp_path / "a")
    await client.download(origin.url("/s?sig=a%2Bb%7E%3d+c&x=%41#part"), into=tmp_path / "b")
    assert origin.requests[1].target == "/s?sig=a%2Bb%7E%3d+c&x=%41"
    assert origin.requests[1].headers == {
        "host": f"127.0.0.1:{origin.port}",
        "user-agent": "Darkroom/0.1",
        "accept": "*/*",
        "accept-encoding": "identity",
    }


async def test_connections_are_used_again_also_after_refusals(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    for _ in range(3):
        await client.download(origin.url("/a"), into=tmp_path / "a")
        with pytest.raises(Permanent, match="http_404"):
            await client.download(origin.url("/a?status=404"), into=tmp_path / "b")
    assert (len(origin.requests), origin.connections) == (6, 1)


async def test_connections_over_the_limit_are_not_kept(origin: HostileOrigin, tmp_path: Path) -> None:
    async with guarded(replace(QUICK, connections=1)) as client, hostile_origin() as other:
        await client.download(origin.url("/a"), into=tmp_path / "a")
        for server in (other, origin, other):
            await client.download(server.url("/a"), into=tmp_path / "a")
    assert (origin.connections, other.connections) == (1, 2)
    assert [request.headers.get("connection") for request in other.requests] == ["close", "close"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("etag=%22abc%22", '"abc"'), ("etag=W/%22abc%22", 'W/"abc"'), ("", None)],
)
async def test_the_validator_is_kept(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, query: str, expected: str | None
) -> None:
    assert (await client.download(origin.url(f"/a?{query}"), into=tmp_path / "a")).validator == expected


async def test_an_odd_validator_can_be_stored_anywhere(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    validator = (await client.download(origin.url("/validator-odd"), into=tmp_path / "a")).validator
    assert validator is not None and validator.isascii() and len(validator) == 256


# --- bodies and heads that lie ---

BAD_ANSWERS = [
    ("/silent", Transient, "read_timeout", 2),
    ("/stalled", Transient, "read_timeout", 2),
    ("/dripping", Transient, "total_timeout", 2),
    ("/endless", Permanent, "too_large", None),
    ("/length-huge", Permanent, "too_large", None),
    ("/reset", Transient, "incomplete_body", None),
    ("/reset-undelimited", Transient, "incomplete_body", None),
    ("/reset-at-once", Transient, "connection_reset", None),
    ("/closed-at-once", Transient, "connection_reset", None),
    ("/too-short", Transient, "incomplete_body", None),
    ("/chunk-cut", Transient, "incomplete_body", None),
    ("/chunk-spoiled", Transient, "total_timeout", 2),  # aiohttp closes and tells nobody: the deadline ends it
    ("/chunk-nonsense", Transient, "response_invalid", 2),
    ("/too-long", Transient, "response_invalid", 2),
    ("/length-nonsense", Transient, "response_invalid", 2),
    ("/two-lengths", Transient, "response_invalid", 2),
    ("/headers-many", Transient, "response_invalid", 2),
    ("/headers-long", Transient, "response_invalid", 2),
    ("/not-http", Transient, "response_invalid", 2),
    ("/empty", Permanent, "empty_body", None),
    ("/empty-undelimited", Permanent, "empty_body", None),
    ("/a?status=204", Permanent, "empty_body", None),
    ("/gzip", Permanent, "encoding_unsupported", None),
    ("/gzip-transfer", Permanent, "encoding_unsupported", None),
    ("/a?status=206", Permanent, "http_206", None),
    ("/a?status=401", Permanent, "http_401", None),
    ("/a?status=403", Permanent, "http_403", None),
    ("/a?status=404", Permanent, "http_404", None),
    ("/a?status=410", Permanent, "http_410", None),
    ("/a?status=304", Permanent, "http_304", None),
    ("/a?status=429", Transient, "rate_limited", None),
    ("/a?status=500", Transient, "http_500", None),
    ("/a?status=503", Transient, "http_503", None),
    ("/redirect-nowhere", Permanent, "redirect_invalid", None),
    ("/redirect-loop", Permanent, "too_many_redirects", None),
]


@pytest.mark.parametrize(("path", "kind", "problem", "attempts_max"), BAD_ANSWERS, ids=[row[0] for row in BAD_ANSWERS])
async def test_a_bad_answer_has_its_problem_and_leaves_no_file(
    client: GuardedClient,
    origin: HostileOrigin,
    tmp_path: Path,
    path: str,
    kind: type[Permanent | Transient],
    problem: str,
    attempts_max: int | None,
) -> None:
    started_at = time.monotonic()
    with pytest.raises(kind) as caught:
        await client.download(origin.url(path), into=tmp_path / "body")
    assert caught.value.problem == problem
    assert getattr(caught.value, "attempts_max", None) == attempts_max
    assert caught.value.detail.endswith(".")
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - started_at < 3


async def test_limits_can_be_set_for_one_download(client: GuardedClient, origin: HostileOrigin, tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="too_large"):
        await client.download(origin.url("/a"), into=tmp_path / "a", limits=replace(QUICK, bytes_max=len(BODY) - 1))
    await client.download(origin.url("/a"), into=tmp_path / "a", limits=replace(QUICK, bytes_max=len(BODY)))


async def test_a_cancelled_download_leaves_no_file(origin: HostileOrigin, tmp_path: Path) -> None:
    async with guarded(Limits()) as client:
        download = asyncio.create_task(client.download(origin.url("/dripping"), into=tmp_path / "body"))
        await eventually((tmp_path / "body").exists)
        download.cancel()
        with pytest.raises(asyncio.CancelledError):
            await download
    assert list(tmp_path.iterdir()) == []


async def test_a_full_or_missing_disk_is_not_blamed_on_the_host(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await client.download(origin.url("/a"), into=tmp_path / "missing" / "body")


async def test_a_closed_port_is_connection_refused(client: GuardedClient, tmp_path: Path) -> None:
    async with hostile_origin() as gone:
        url = gone.url("/a")
    with pytest.raises(Transient) as caught:
        await client.download(url, into=tmp_path / "a")
    assert (caught.value.problem, caught.value.attempts_max) == ("connection_refused", None)


async def test_a_full_backlog_is_connection_timeout(client: GuardedClient, tmp_path: Path) -> None:
    """A listener that never accepts: its queue is filled first, so that the next handshake stays unanswered."""
    import socket

    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        with pytest.raises(Transient) as caught:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            await client.download(url, into=tmp_path / "a", limits=replace(QUICK, connect_seconds=0.2))
        for filler in fillers:
            filler.close()
    assert (caught.value.problem, caught.value.attempts_max) == ("connection_timeout", None)


# --- where requests may go ---


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.2]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://8.8.8.8:22/",
    ],
)
async def test_forbidden_addresses_are_refused(client: GuardedClient, tmp_path: Path, url: str) -> None:
    with pytest.raises(Permanent, match="address_forbidden"):
        await client.download(url, into=tmp_path / "a")
    with pytest.raises(Permanent, match="address_forbidden"):
        await client.post(url, body=b"{}", headers={}, total_seconds=1)


async def test_loopback_is_closed_unless_it_was_opened(origin: HostileOrigin, tmp_path: Path) -> None:
    async with guarded(allowance=Allowance()) as client:
        with pytest.raises(Permanent, match="address_forbidden"):
            await client.download(origin.url("/a"), into=tmp_path / "a")
    other_port = Allowance.parse(f"127.0.0.1/32:{origin.port + 1}")
    async with guarded(allowance=other_port) as client:
        with pytest.raises(Permanent, match="address_forbidden"):
            await client.download(origin.url("/a"), into=tmp_path / "a")
    assert origin.connections == 0


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_proxies_of_the_environment_are_ignored(
    origin: HostileOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv(proxy, "http://127.0.0.1:1")
    async with guarded() as client:
        await client.download(origin.url("/a"), into=tmp_path / "a")


async def test_a_name_is_connected_to_where_it_was_judged_with_its_own_host_header(
    origin: HostileOrigin, tmp_path: Path
) -> None:
    async with guarded(lookup=names_of(shop="127.0.0.1")) as client:
        found = await client.download(f"http://shop.test:{origin.port}/a", into=tmp_path / "a")
    assert found.url == f"http://shop.test:{origin.port}/a"
    assert origin.requests[0].headers["host"] == f"shop.test:{origin.port}"


@pytest.mark.parametrize("address", ["127.0.0.2", "10.0.0.1", "::1", "169.254.169.254"])
async def test_a_name_that_leads_inside_is_refused(origin: HostileOrigin, tmp_path: Path, address: str) -> None:
    async with guarded(lookup=names_of(shop=address)) as client:
        with pytest.raises(Permanent, match="address_forbidden"):
            await client.download(f"http://shop.test:{origin.port}/a", into=tmp_path / "a")


async def test_a_name_that_changes_its_mind_gains_nothing(tmp_path: Path) -> None:
    """DNS rebinding: a good answer for the judge, and a bad one should anybody ask again."""
    asked: list[str] = []

    async def rebinding(name: str) -> Sequence[str]:
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with hostile_origin("127.0.0.1") as good, guarded(lookup=rebinding) as client:
        for _ in range(2):
            await client.download(f"http://shop.test:{good.port}/a", into=tmp_path / "a")
    assert asked == ["shop.test"]


async def test_an_unknown_name_is_dns_failed(client: GuardedClient, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="dns_failed"):
        await client.download("http://no-such-name.invalid:8000/", into=tmp_path / "a")


# --- redirects ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, status: int
) -> None:
    url = origin.url(f"/a?status={status}&location=/b")
    found = await client.download(url, into=tmp_path / "a")
    assert found.url == origin.url("/b")
    assert [request.path for request in origin.requests] == ["/a", "/b"]


def chain(origin: HostileOrigin, hops: int) -> str:
    url = origin.url("/end")
    for _ in range(hops):
        url = origin.url(f"/hop?status=302&location={quote(url, safe='')}")
    return url


async def test_five_redirects_are_followed_and_six_are_not(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path
) -> None:
    assert (await client.download(chain(origin, 5), into=tmp_path / "a")).url == origin.url("/end")
    with pytest.raises(Permanent, match="too_many_redirects"):
        await client.download(chain(origin, 6), into=tmp_path / "b")


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("http://127.0.0.2/", "address_forbidden"),
        ("http://169.254.169.254/latest/meta-data/", "address_forbidden"),
        ("http://[::1]/", "address_forbidden"),
        ("//10.0.0.1/", "address_forbidden"),
        ("http://inside.test/", "address_forbidden"),
        ("http://127.1/", "redirect_invalid"),
        ("http://user@127.0.0.1/", "redirect_invalid"),
        ("file:///etc/passwd", "redirect_invalid"),
        ("gopher://127.0.0.1/", "redirect_invalid"),
    ],
)
async def test_redirects_to_forbidden_places_are_refused(
    origin: HostileOrigin, tmp_path: Path, location: str, problem: str
) -> None:
    async with guarded(lookup=names_of(inside="10.0.0.1")) as client:
        url = origin.url(f"/a?status=302&location={quote(location, safe='')}")
        with pytest.raises(Permanent) as caught:
            await client.download(url, into=tmp_path / "a")
    assert caught.value.problem == problem
    assert len(origin.requests) == 1


async def test_the_deadline_covers_all_hops(client: GuardedClient, origin: HostileOrigin, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="total_timeout"):
        await client.download(
            origin.url("/a?status=302&location=/dripping"),
            into=tmp_path / "a",
            limits=replace(QUICK, total_seconds=0.2),
        )


# --- politeness ---


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_pauses_the_host_for_everybody(
    client: GuardedClient, origin: HostileOrigin, tmp_path: Path, status: int, form: str
) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    value = "60" if form == "seconds" else quote(moment)
    with pytest.raises(Transient) as caught:
        await client.download(origin.url(f"/a?status={status}&retry_after={value}"), into=tmp_path / "a")
    assert caught.value.problem == ("rate_limited" if status == 429 else "http_503")
    assert caught.value.retry_after_seconds == pytest.approx(60, abs=3)
    for attempt in (
        client.download(origin.url("/b"), into=tmp_path / "b"),
        client.post(origin.url("/b"), body=b"", headers={}, total_seconds=1),
    ):
        with pytest.raises(Transient) as caught:
            await attempt
        assert caught.value.problem == "rate_limited"
        assert caught.value.retry_after_seconds == pytest.approx(60, abs=3)
    assert len(origin.requests) == 1


async def test_another_host_is_not_paused(client: GuardedClient, origin: HostileOrigin, tmp_path: Path) -> None:
    with pytest.raises(Transient):
        await client.download(origin.url("/a?status=429&retry_after=60"), into=tmp_path / "a")
    async with hostile_origin() as other:
        await client.download(other.url("/a"), into=tmp_path / "a")


async def test_so_many_requests_per_host_and_no_more(origin: HostileOrigin, tmp_path: Path) -> None:
    limits = replace(QUICK, per_host_connections=3, total_seconds=5, idle_seconds=5, host_wait_seconds=5)
    async with guarded(limits) as client, asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(client.download(origin.url("/gated"), into=tmp_path / str(number)))
        for _ in range(3):
            await origin.arrived.acquire()
        origin.gate.set()
    assert (origin.under_way_most, len(origin.requests)) == (3, 10)


async def test_waiting_in_line_does_not_use_up_the_deadline(origin: HostileOrigin, tmp_path: Path) -> None:
    """The second download waits longer than its own deadline, until the first has timed out, and succeeds."""
    limits = replace(QUICK, per_host_connections=1, host_wait_seconds=5)
    async with guarded(limits) as client:
        slow = replace(limits, total_seconds=0.4, idle_seconds=5)
        brief = replace(limits, total_seconds=0.2)
        first = asyncio.create_task(client.download(origin.url("/silent"), into=tmp_path / "a", limits=slow))
        await origin.arrived.acquire()
        second = await client.download(origin.url("/b"), into=tmp_path / "b", limits=brief)
        with pytest.raises(Transient, match="total_timeout"):
            await first
    assert second.bytes == len(BODY)


async def test_waiting_in_line_has_its_own_end(origin: HostileOrigin, tmp_path: Path) -> None:
    limits = replace(QUICK, per_host_connections=1, total_seconds=5, idle_seconds=5, host_wait_seconds=0.1)
    async with guarded(limits) as client:
        first = asyncio.create_task(client.download(origin.url("/gated"), into=tmp_path / "a"))
        await origin.arrived.acquire()
        with pytest.raises(Transient, match="rate_limited"):
            await client.download(origin.url("/b"), into=tmp_path / "b")
        origin.gate.set()
        await first


# --- webhooks ---


async def test_a_post_arrives_as_it_was_sent(client: GuardedClient, origin: HostileOrigin) -> None:
    headers = {"Content-Type": "application/json", "webhook-id": "msg_1", "webhook-signature": "v1,abc"}
    reply = await client.post(origin.url("/hook?x=1"), body=b'{"a":1}', headers=headers, total_seconds=1)
    assert (reply.status, reply.body_head, reply.retry_after_seconds) == (200, BODY[:1_024], None)
    request = origin.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/hook?x=1", b'{"a":1}')
    assert {name.lower(): value for name, value in headers.items()}.items() <= request.headers.items()


async def test_any_status_is_a_reply_and_redirects_are_not_followed(
    client: GuardedClient, origin: HostileOrigin
) -> None:
    for status in (204, 302, 404, 410, 500):
        url = origin.url(f"/hook?status={status}&location=/other")
        assert (await client.post(url, body=b"", headers={}, total_seconds=1)).status == status
    assert {request.path for request in origin.requests} == {"/hook"}


async def test_a_reply_says_when_to_come_back(client: GuardedClient, origin: HostileOrigin) -> None:
    url = origin.url("/hook?status=500&retry_after=7")
    assert (await client.post(url, body=b"", headers={}, total_seconds=1)).retry_after_seconds == 7


async def test_only_the_head_of_a_long_reply_is_read(client: GuardedClient, origin: HostileOrigin) -> None:
    reply = await client.post(origin.url("/reply-long"), body=b"", headers={}, total_seconds=1)
    assert (reply.status, reply.body_head) == (500, b"r" * 1_024)
    assert (await client.post(origin.url("/endless"), body=b"", headers={}, total_seconds=1)).body_head[:1] == b"x"
    assert (await client.post(origin.url("/a"), body=b"", headers={}, total_seconds=1)).status == 200


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/silent", ("total_timeout", "read_timeout")),
        ("/dripping-head", ("total_timeout",)),
        ("/reset-at-once", ("connection_reset",)),
        ("/closed-at-once", ("connection_reset",)),
        ("/not-http", ("response_invalid",)),
    ],
)
async def test_a_post_without_an_answer_is_transient(
    client: GuardedClient, origin: HostileOrigin, path: str, problem: tuple[str, ...]
) -> None:
    with pytest.raises(Transient) as caught:
        await client.post(origin.url(path), body=b"{}", headers={}, total_seconds=0.3)
    assert caught.value.problem in problem


# --- TLS ---


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a server's and a trusting client's context with a self-signed certificate for this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_bytes(private + pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


async def test_certificates_are_checked_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    server, trusting = certificate("shop.test", tmp_path)
    async with (
        hostile_origin(tls=server) as origin,
        guarded(lookup=names_of(shop="127.0.0.1", other="127.0.0.1"), tls=trusting) as client,
    ):
        found = await client.download(f"https://shop.test:{origin.port}/a", into=tmp_path / "a")
        assert found.bytes == len(BODY)
        with pytest.raises(Permanent, match="tls_failed"):
            await client.download(f"https://other.test:{origin.port}/a", into=tmp_path / "b")


async def test_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    server, _ = certificate("shop.test", tmp_path)
    async with hostile_origin(tls=server) as origin, guarded(lookup=names_of(shop="127.0.0.1")) as client:
        with pytest.raises(Permanent, match="tls_failed"):
            await client.download(f"https://shop.test:{origin.port}/a", into=tmp_path / "a")


async def test_a_server_without_tls_is_tls_failed(client: GuardedClient, tmp_path: Path) -> None:
    async def answer_in_the_clear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_in_the_clear, "127.0.0.1", 0)
    async with server:
        with pytest.raises(Transient) as caught:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            await client.download(url, into=tmp_path / "a")
    assert (caught.value.problem, caught.value.attempts_max) == ("tls_failed", 2)


# --- the other event loop ---


async def essentials(folder: Path) -> dict[str, str]:
    """Run one of each kind of outcome; return the problem per path, or `fine`."""
    server, trusting = certificate("shop.test", folder)
    outcomes = {}
    async with (
        hostile_origin() as origin,
        hostile_origin(tls=server) as secure,
        guarded(lookup=names_of(shop="127.0.0.1", inside="10.0.0.1"), tls=trusting) as client,
    ):
        urls = [origin.url(row[0]) for row in BAD_ANSWERS]
        urls += [origin.url("/a"), f"https://shop.test:{secure.port}/a", f"http://inside.test:{origin.port}/"]
        urls += ["http://127.0.0.2/", "http://[::1]/", "http://127.0.0.1:1/"]
        for number, url in enumerate(urls):
            label = str(number)
            try:
                await client.download(url, into=folder / label)
                outcomes[label] = "fine"
            except (Permanent, Transient) as problem:
                outcomes[label] = problem.problem
        outcomes["open sockets"] = str(client._sockets.open)
    outcomes["open sockets in the end"] = str(client._sockets.open)
    return outcomes


async def test_both_event_loops_behave_alike(tmp_path: Path) -> None:
    outcomes = []
    for name, runner in (("uvloop", uvloop.run), ("asyncio", asyncio.run)):
        folder = tmp_path / name
        folder.mkdir()
        outcomes.append(await asyncio.to_thread(runner, essentials(folder)))
    assert outcomes[0] == outcomes[1]
    assert [outcomes[0][str(number)] for number in range(len(BAD_ANSWERS))] == [row[2] for row in BAD_ANSWERS]
    assert outcomes[0]["open sockets in the end"] == "0"
