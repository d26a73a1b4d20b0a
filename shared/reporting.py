"""Says every few seconds that a service's process is alive, and what stands in its outbox.

A report goes the way of every event. There is never more than one of a process in its outbox: while the broker takes
nothing, none is added.
"""

import asyncio
from datetime import UTC, datetime

from shared import outbox
from shared.bus import Bus
from shared.db import Database
from shared.envelope import enclose, new_id, new_traceparent
from shared.events import ServiceReported
from shared.outbox import Letter, Posted, Relay
from shared.outcome import Connection
from shared.settings import SharedSettings

CONNECTING_SECONDS = 0.5


class Reporter:
    """One process of a service, as it reports itself."""

    def __init__(self, service: str, version: str, settings: SharedSettings) -> None:
        self._service = service
        self._version = version
        self._settings = settings.reported()
        self._seconds = settings.report_seconds
        self._instance_id = new_id()
        self._started_at = datetime.now(UTC)

    async def run(self, database: Database, relay: Relay, bus: Bus) -> None:
        """Report again and again, until cancelled."""
        while True:
            if bus.is_open:
                async with database.transaction() as connection:
                    posted = await self.report(connection)
                relay.publish(posted)
            await asyncio.sleep(self._seconds if bus.is_open else CONNECTING_SECONDS)

    async def report(self, connection: Connection) -> list[Posted]:
        """Write a report; nothing when the one before has not gone out."""
        found = await outbox.count_backlog(connection, ServiceReported.type, str(self._instance_id))
        if found.has_report:
            return []
        said = ServiceReported(
            service=self._service,
            instance_id=self._instance_id,
            version=self._version,
            started_at=self._started_at,
            reported_at=datetime.now(UTC),
            outbox_rows=found.rows,
            outbox_oldest_at=found.oldest_at,
            retries_waiting=found.retries_waiting,
            settings=self._settings,
        )
        return await outbox.add(
            connection, [Letter(enclose(said, source=self._service, traceparent=new_traceparent()))]
        )
