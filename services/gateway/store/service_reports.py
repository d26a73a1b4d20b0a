"""SQL over what services' processes report of themselves."""

import json
from collections.abc import Sequence

import asyncpg

from shared.events import ServiceReported
from shared.outcome import Connection

HOURS_KEPT = 24


async def upsert_service_reports(connection: Connection, reports: Sequence[ServiceReported]) -> None:
    """Keep the newest report of each process; of these reports no two are of the same one."""
    await connection.execute(
        """
        INSERT INTO service_reports (instance_id, service, version, started_at, reported_at, outbox_rows,
                                     outbox_oldest_at, retries_waiting, settings)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[],
                             $7::timestamptz[], $8::int[], $9::jsonb[])
        ON CONFLICT (instance_id) DO UPDATE
        SET reported_at = excluded.reported_at, outbox_rows = excluded.outbox_rows,
            outbox_oldest_at = excluded.outbox_oldest_at, retries_waiting = excluded.retries_waiting,
            settings = excluded.settings, heard_at = now()
        WHERE service_reports.reported_at < excluded.reported_at
        """,
        [each.instance_id for each in reports],
        [each.service for each in reports],
        [each.version for each in reports],
        [each.started_at for each in reports],
        [each.reported_at for each in reports],
        [each.outbox_rows for each in reports],
        [each.outbox_oldest_at for each in reports],
        [each.retries_waiting for each in reports],
        [json.dumps(each.settings) for each in reports],
    )


async def forget_silent(connection: Connection) -> None:
    """Delete what was said by processes that are silent for a day."""
    await connection.execute(
        "DELETE FROM service_reports WHERE heard_at < now() - make_interval(hours => $1)", HOURS_KEPT
    )


async def list_newest(connection: Connection) -> list[asyncpg.Record]:
    """Each service's newest report: all of its processes have one outbox. `silent_seconds`: since it was heard."""
    return await connection.fetch(
        """
        SELECT DISTINCT ON (service) *, extract(epoch FROM now() - heard_at)::float AS silent_seconds
        FROM service_reports
        ORDER BY service, heard_at DESC, reported_at DESC
        """
    )


async def count_retries_waiting(connection: Connection) -> int:
    """Events of all services that have failed and wait to be tried again."""
    found: int = await connection.fetchval(
        """
        SELECT coalesce(sum(retries_waiting), 0)
        FROM (
            SELECT DISTINCT ON (service) retries_waiting FROM service_reports ORDER BY service, heard_at DESC
        ) AS newest
        """
    )
    return found


async def find_setting(connection: Connection, service: str, name: str) -> str | None:
    """A setting as a service last reported it."""
    found: str | None = await connection.fetchval(
        "SELECT settings ->> $2 FROM service_reports WHERE service = $1 ORDER BY heard_at DESC LIMIT 1", service, name
    )
    return found
