"""What a process reports of its outbox, and what the gateway keeps of that."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest_asyncio

from services.gateway import projection
from services.gateway.store import service_reports
from shared import outbox
from shared.bus import Bus
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import enclose, new_id, new_traceparent
from shared.events import JobPaused, ServiceReported
from shared.outbox import Letter, Relay
from shared.outcome import Connection
from shared.reporting import Reporter
from shared.settings import SharedSettings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOON = timedelta(seconds=5)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """The gateway's tables."""
    opened = await Database.open(postgres_url, "gateway")
    await migrate(opened, MIGRATIONS / "messaging", Path(projection.__file__).parent / "migrations")
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def connection(database: Database) -> AsyncIterator[Connection]:
    """A transaction over empty tables that is rolled back."""
    async with database.connection() as opened:
        begun = opened.transaction()
        await begun.start()
        await opened.execute("DELETE FROM outbox")
        await opened.execute("DELETE FROM service_reports")
        yield opened
        await begun.rollback()


def letter(**options: object) -> Letter:
    """Some letter."""
    event = JobPaused(account_id="acme", job_id=new_id(), version=1)
    return Letter(enclose(event, source="gateway", traceparent=new_traceparent()), **options)  # type: ignore[arg-type]


def retry(**options: object) -> Letter:
    """An event that has failed and waits for its next attempt."""
    return letter(queue="fetcher.job.paused.v1", first_attempt_at=NOW, **options)


def report(instance_id: UUID, reported_at: datetime, service: str = "fetcher", **more: object) -> ServiceReported:
    """What a process says."""
    return ServiceReported.model_validate(
        {
            "service": service,
            "instance_id": instance_id,
            "version": "0.1.0",
            "started_at": NOW,
            "reported_at": reported_at,
            "outbox_rows": 0,
            **more,
        }
    )


async def said(connection: Connection) -> list[ServiceReported]:
    """The reports in the outbox."""
    rows = await connection.fetch("SELECT body FROM outbox WHERE event_type = $1 ORDER BY id", ServiceReported.type)
    return [ServiceReported.model_validate(json.loads(row["body"])["data"]) for row in rows]


async def test_a_report_counts_what_is_due_and_retries_that_wait(connection: Connection) -> None:
    await outbox.add(connection, [letter(), letter(), retry(attempt=2, delay_seconds=60), retry(delay_seconds=60)])
    await outbox.add(connection, [retry(attempt=3, delay_seconds=0.001)])
    assert len(await Reporter("gateway", "0.1.0", SharedSettings()).report(connection)) == 1
    (found,) = await said(connection)
    # in this transaction now() is its beginning: the retry that is due in a millisecond waits
    assert (found.outbox_rows, found.retries_waiting) == (2, 2)
    assert found.outbox_oldest_at is not None
    assert abs(datetime.now(UTC) - found.outbox_oldest_at) < SOON


async def test_an_empty_outbox_has_no_oldest_letter(connection: Connection) -> None:
    await Reporter("gateway", "0.1.0", SharedSettings()).report(connection)
    (found,) = await said(connection)
    assert (found.outbox_rows, found.outbox_oldest_at, found.retries_waiting) == (0, None, 0)


async def test_a_report_that_has_not_gone_out_is_not_joined_by_another(connection: Connection) -> None:
    first, second = (Reporter("gateway", "0.1.0", SharedSettings()) for _ in range(2))
    for reporter in (first, second, first, second):
        await reporter.report(connection)
    assert len(await said(connection)) == 2


async def test_how_old_a_letter_is_does_not_change_when_it_is_leased(connection: Connection) -> None:
    await outbox.add(connection, [letter()])
    aged = "UPDATE outbox SET due_at = due_at - interval '1 hour', available_at = now()"
    await connection.execute(aged)
    await outbox.lease_due(connection, 10)
    found = await outbox.count_backlog(connection, ServiceReported.type, "")
    assert found.oldest_at is not None
    assert datetime.now(UTC) - found.oldest_at > timedelta(minutes=59)


async def test_nothing_is_reported_while_the_broker_is_away(database: Database) -> None:
    bus = Bus("amqp://127.0.0.1:1/", "gateway", lambda _: 1)
    reporter = Reporter("gateway", "0.1.0", SharedSettings(report_seconds=0.01))
    running = asyncio.create_task(reporter.run(database, Relay(database, bus), bus))
    await asyncio.wait({running}, timeout=0.3)
    running.cancel()
    async with database.connection() as connection:
        assert await said(connection) == []


def test_only_settings_on_the_list_are_reported() -> None:
    secrets = SharedSettings(amqp_url="amqp://u:hush@h/", postgres_url="postgresql://u:hush@h/", secret_key="hush")
    assert "hush" not in str(secrets.reported())
    assert secrets.reported().keys() == {"commit_events_max", "commit_wait_seconds"}


async def test_the_newest_report_of_each_process_is_kept(connection: Connection) -> None:
    one, other = new_id(), new_id()
    late = report(one, NOW, retries_waiting=9)
    await projection.record_service_reports(
        connection, [report(one, NOW + SOON, retries_waiting=1), late, report(other, NOW, "ledger")]
    )
    await projection.record_service_reports(connection, [late])
    rows = await connection.fetch("SELECT service, reported_at, retries_waiting FROM service_reports ORDER BY service")
    assert [tuple(row) for row in rows] == [("fetcher", NOW + SOON, 1), ("ledger", NOW, 0)]


async def test_processes_that_are_silent_for_a_day_are_forgotten(connection: Connection) -> None:
    await projection.record_service_reports(connection, [report(new_id(), NOW)])
    await connection.execute("UPDATE service_reports SET heard_at = now() - interval '25 hours'")
    await projection.record_service_reports(connection, [report(new_id(), NOW, "ledger")])
    assert [row["service"] for row in await service_reports.list_newest(connection)] == ["ledger"]


async def test_of_a_service_the_newest_report_counts(connection: Connection) -> None:
    reports = [
        report(new_id(), NOW, retries_waiting=5, settings={"enhance_workers": "2"}),
        report(new_id(), NOW, "ledger", retries_waiting=2),
    ]
    await projection.record_service_reports(connection, reports)
    await connection.execute("UPDATE service_reports SET heard_at = heard_at - interval '1 minute'")
    await projection.record_service_reports(connection, [report(new_id(), NOW, retries_waiting=1, settings={"a": "b"})])
    assert await service_reports.count_retries_waiting(connection) == 3
    assert await service_reports.find_setting(connection, "fetcher", "a") == "b"
    assert await service_reports.find_setting(connection, "fetcher", "enhance_workers") is None
