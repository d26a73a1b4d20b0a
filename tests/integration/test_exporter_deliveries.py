"""Webhooks from a run's end to a real receiver, with signatures checked by the reference library."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from services.exporter import deliveries
from services.exporter.deliverer import Deliverer
from services.exporter.deliveries import Due
from services.exporter.ports import Ports
from services.exporter.webhooks import Again
from shared.db import Database
from shared.envelope import read
from shared.events import Event, SecretRotated, WebhookAbandoned, WebhookDelivered, WebhookRefused
from shared.facts import Webhook
from shared.seal import Seal
from shared.webhook_secrets import new_secret
from tests.exporter_database import SECRET_KEY, open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear
from tests.webhook_receiver import SILENCE, Receiver, receiver

SEAL = Seal(SECRET_KEY)
OLD, NEW, OWN = (new_secret(bytes([number]) * 32) for number in (1, 2, 3))
ATTEMPTS_MAX = 3
LEASED_AT_ONCE = 100_000  # all of them: other tests leave many that nobody delivers


def at_once(attempt: int, _jitter: float, _again: Again | None = None) -> float | None:
    """A schedule without waits."""
    return 0.0 if attempt <= ATTEMPTS_MAX else None


def webhook(url: str, *secrets: str, own: bool = False) -> Webhook:
    """An endpoint with sealed secrets."""
    return Webhook(url=url, secrets_sealed=tuple(SEAL.seal(secret) for secret in secrets or (OLD,)), own_secret=own)


async def ended(database: Database, ports: Ports, endpoint: Webhook) -> Job:
    """A job that has just completed and calls the endpoint."""
    return await end(database, ports, Job(webhook=endpoint))


async def end(database: Database, ports: Ports, job: Job) -> Job:
    """Let a job complete."""
    await hear(database, ports, job.submitted(), job.enhanced())
    await hear(database, ports, job.completed(succeeded=1))
    return job


async def lease(database: Database, job: Job, seconds: float = 60) -> list[Due]:
    """The job's deliveries that are due; other tests' are none of ours."""
    async with database.transaction() as connection:
        due = await deliveries.lease_due(connection, LEASED_AT_ONCE, seconds)
    return [each for each in due if each.job_id == job.job_id]


async def attempt(database: Database, ports: Ports, job: Job, times: int = 1) -> list[Event]:
    """Make the attempts that are due, so many times; the events of the job that are on their way."""
    deliverer = replace(ports.deliverer, delay_before=at_once)
    for _ in range(times):
        await asyncio.gather(*(deliverer.deliver(due) for due in await lease(database, job)))
    return await said(database, job)


async def said(database: Database, job: Job) -> list[Event]:
    """What the outbox says of a job."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM outbox WHERE subject = $1 ORDER BY id", str(job.job_id))
    return [read(row["body"], row["event_type"]).data for row in rows]


async def logged(database: Database, job: Job) -> list[tuple[Any, ...]]:
    """attempt, status and problem of the job's attempts."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT attempt, status, delivery_attempts.problem FROM delivery_attempts JOIN deliveries "
            "USING (delivery_id) WHERE job_id = $1 ORDER BY attempted_at",
            job.job_id,
        )
    return [tuple(row) for row in rows]


def verified(found: Receiver, *secrets: str) -> list[str]:
    """The ids of the messages received; each is signed with each of the secrets."""
    for headers, body in found.received:
        for secret in secrets:
            assert Verifier(secret).verify(body, headers) == json.loads(body)
    return [headers["webhook-id"] for headers, _ in found.received]


def refuses(found: Receiver, secret: str) -> bool:
    """Whether the last message is not signed with the secret."""
    headers, body = found.received[-1]
    try:
        Verifier(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


async def test_a_message_is_delivered_once_and_said_so(database, ports) -> None:
    async with receiver(200) as found:
        job = await ended(database, ports, webhook(found.url))
        (event,) = await attempt(database, ports, job, times=2)
    assert isinstance(event, WebhookDelivered)
    assert (event.account_id, event.url, event.attempt, event.status) == (job.account_id, found.url, 1, 200)
    assert verified(found, OLD) == [event.message_id]
    assert json.loads(found.received[0][1])["request_id"] == str(job.job_id)
    assert found.received[0][0]["content-type"] == "application/json"


async def test_a_refused_message_is_sent_again_under_the_same_id(database, ports) -> None:
    async with receiver(500, 200) as found:
        job = await ended(database, ports, webhook(found.url))
        refused, delivered = await attempt(database, ports, job, times=3)
    assert isinstance(refused, WebhookRefused)
    assert (refused.status, refused.problem, refused.attempt) == (500, "http_500", 1)
    assert refused.next_attempt_at >= refused.attempted_at
    assert isinstance(delivered, WebhookDelivered)
    assert delivered.attempt == 2
    assert verified(found, OLD) == [refused.message_id] * 2
    assert await logged(database, job) == [(1, 500, "http_500"), (2, 200, None)]


@pytest.mark.parametrize(
    ("status", "attempts"), [(410, 1), (302, ATTEMPTS_MAX), (404, ATTEMPTS_MAX), (SILENCE, ATTEMPTS_MAX)]
)
async def test_what_is_abandoned_and_after_how_many_attempts(database, ports, status, attempts) -> None:
    async with receiver(status, Location="/elsewhere") as found:
        job = await ended(database, ports, webhook(found.url))
        events = await attempt(database, ports, job, times=ATTEMPTS_MAX + 1)
    assert [type(event) for event in events] == [WebhookRefused] * (attempts - 1) + [WebhookAbandoned]
    assert len(found.received) == attempts
    abandoned = events[-1]
    assert isinstance(abandoned, WebhookAbandoned)
    assert abandoned.problem == (f"http_{status}" if status else "total_timeout")
    assert abandoned.detail


async def test_a_closed_port_is_tried_again(database, ports) -> None:
    async with receiver(200) as found:
        url = found.url
    job = await ended(database, ports, webhook(url))
    (event,) = await attempt(database, ports, job)
    assert isinstance(event, WebhookRefused)
    assert (event.status, event.problem) == (None, "connection_refused")


@pytest.mark.parametrize(
    ("url", "problem"),
    [("http://10.0.0.1/hook", "address_forbidden"), ("http://user:word@shop.example/", "url_invalid")],
)
async def test_what_the_guard_forbids_is_abandoned_at_once(database, ports, url, problem) -> None:
    job = await ended(database, ports, webhook(url))
    (event,) = await attempt(database, ports, job, times=2)
    assert isinstance(event, WebhookAbandoned)
    assert (event.problem, event.attempt) == (problem, 1)


async def test_after_a_rotation_both_secrets_sign_for_a_day(database, ports) -> None:
    async with receiver(500) as found:
        job = await ended(database, ports, webhook(found.url))
        sealed = tuple(SEAL.seal(secret) for secret in (NEW, OLD))
        rotated = SecretRotated(account_id=job.account_id, version=2, secrets_sealed=sealed)
        await hear(database, ports, rotated, rotated)
        await attempt(database, ports, job)
        assert verified(found, NEW, OLD)
        async with database.connection() as connection:
            await connection.execute(
                "UPDATE endpoints SET changed_at = changed_at - $2::interval WHERE account_id = $1",
                job.account_id,
                timedelta(hours=25),
            )
        await attempt(database, ports, job)
    assert len(found.received) == 2
    assert refuses(found, OLD)
    assert not refuses(found, NEW)


async def test_a_jobs_own_secret_signs_for_that_job_alone(database, ports) -> None:
    async with receiver(200) as found:
        job = await ended(database, ports, webhook(found.url))
        endpoint = webhook(found.url, OWN, own=True)
        own = await end(database, ports, Job(account_id=job.account_id, webhook=endpoint))
        await attempt(database, ports, own)
        assert verified(found, OWN)
        assert refuses(found, OLD)
        async with database.connection() as connection:
            await connection.execute("UPDATE deliveries SET next_attempt_at = now() WHERE job_id = $1", job.job_id)
        await attempt(database, ports, job)
        assert len(found.received) == 2
        assert refuses(found, OWN)


@pytest.mark.parametrize(
    ("sealed", "problem"),
    [
        ((), "secret_unusable"),
        (("not sealed by us",), "secret_unusable"),
        ((SEAL.seal("no secret"),), "webhook_secret_invalid"),
    ],
)
async def test_without_a_secret_nothing_is_sent_and_it_is_tried_again(database, ports, sealed, problem) -> None:
    async with receiver(200) as found:
        job = await ended(database, ports, Webhook(url=found.url, secrets_sealed=sealed))
        (event,) = await attempt(database, ports, job)
        assert isinstance(event, WebhookRefused)
        assert event.problem == problem
        assert found.received == []
        rotated = SecretRotated(account_id=job.account_id, version=9, secrets_sealed=(SEAL.seal(NEW),))
        await hear(database, ports, rotated)
        await attempt(database, ports, job)
    assert verified(found, NEW)


async def test_an_attempt_cut_off_by_a_crash_is_made_again_when_its_lease_has_ended(database, ports) -> None:
    async with receiver(200) as found:
        job = await ended(database, ports, webhook(found.url))
        (lost,) = await lease(database, job, seconds=60)
        assert await attempt(database, ports, job) == []
        async with database.connection() as connection:
            await connection.execute("UPDATE deliveries SET next_attempt_at = now() WHERE job_id = $1", job.job_id)
        (event,) = await attempt(database, ports, job)
        await ports.deliverer.deliver(lost)
    assert await said(database, job) == [event]
    assert await logged(database, job) == [(1, 200, None)]
    assert set(verified(found, OLD)) == {lost.message_id}


async def test_a_resend_is_the_same_message_in_a_delivery_of_its_own(database, ports) -> None:
    async with receiver(200) as found:
        job = await ended(database, ports, webhook(found.url))
        wanted, foreign = job.resend(), job.resend(account_id="somebody else")
        await hear(database, ports, wanted, wanted, foreign)
        await hear(database, ports, wanted)
        events = await attempt(database, ports, job)
    assert {event.delivery_id for event in events} >= {wanted.delivery_id}
    assert len(events) == len(found.received) == 2
    assert len(set(verified(found, OLD))) == 1
    assert len({body for _, body in found.received}) == 1


async def test_a_host_that_asks_for_patience_is_left_alone_at_no_cost(database, ports) -> None:
    async with receiver(503, Retry_After="60") as found:
        endpoint = webhook(found.url)
        first, second = [await ended(database, ports, endpoint) for _ in range(2)]
        async with database.connection() as connection:
            await connection.execute("UPDATE deliveries SET next_attempt_at = now() WHERE state = 'pending'")
        await attempt(database, ports, first)
        async with database.connection() as connection:
            await connection.execute("UPDATE deliveries SET next_attempt_at = now() WHERE state = 'pending'")
        assert await attempt(database, ports, second) == []
        async with database.connection() as connection:
            waits = await connection.fetchval(
                "SELECT next_attempt_at - now() FROM deliveries WHERE job_id = $1", second.job_id
            )
    assert len(found.received) == 1
    assert timedelta(seconds=30) < waits < timedelta(seconds=61)
    assert await logged(database, second) == []


async def test_the_loop_delivers_past_a_silent_host_and_finishes_what_is_under_way(database, ports) -> None:
    async with receiver(SILENCE) as silent, receiver(200) as found:
        hanging: Sequence[Job] = [await ended(database, ports, webhook(silent.url)) for _ in range(8)]
        job = await ended(database, ports, webhook(found.url))
        deliverer: Deliverer = replace(ports.deliverer, concurrency=6)
        running = asyncio.create_task(deliverer.run())
        await asyncio.wait_for(asyncio.gather(found.called.wait(), silent.called.wait()), 20)
        running.cancel()
        await asyncio.wait([running])
    (event,) = await said(database, job)
    assert isinstance(event, WebhookDelivered)
    attempts = [await logged(database, each) for each in hanging]
    assert 1 <= len([each for each in attempts if each]) <= len(hanging)
    assert all(each in ([], [(1, None, "total_timeout")]) for each in attempts)
