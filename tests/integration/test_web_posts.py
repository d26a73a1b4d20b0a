"""Webhooks: posts to URLs that strangers name."""

from collections.abc import AsyncIterator

import pytest

from shared.errors import Transient
from shared.web import GuardedClient
from tests.guarded_client import guarded
from tests.hostile_origin import BODY, HostileOrigin, hostile_origin


@pytest.fixture
async def origin() -> AsyncIterator[HostileOrigin]:
    async with hostile_origin() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with guarded() as opened:
        yield opened


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
