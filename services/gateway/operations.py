"""How the system stands, for those who operate it: queues by the broker's word, outboxes by their services'.

Every part is asked for at once and none is waited for long: with the broker away, the rest is still told.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from services.gateway.management import Flow
from services.gateway.ports import Ports
from services.gateway.store import operations, service_reports
from shared import outbox
from shared.bus import Closed, Depth
from shared.events import ServiceReported
from shared.outbox import Backlog
from shared.topology import CONSUMERS, subscriptions

BROKER_SECONDS_MAX = 0.7
SILENT_SECONDS_MIN = 60
REPORTS_MISSED_MAX = 4
LATE_SECONDS = 60
STUCK_SHOWN_MAX = 100
OPERATING_NORMALLY = "Queue is operating normally"


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue: what waits in it, what is out with consumers (None: not known), and its dead letters."""

    name: str
    depth: Depth
    dead: int
    flow: Flow | None

    @property
    def unacked(self) -> int | None:
        """Messages that consumers have and have not acked."""
        return self.flow.messages_unacknowledged if self.flow else None


@dataclass(frozen=True, slots=True)
class OutboxState:
    """What a service has still to say, by its newest report."""

    service: str
    rows: int
    oldest_at: datetime | None
    retries_waiting: int
    reported_at: datetime
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything at a moment. `queues` None: the broker does not answer."""

    sums: asyncpg.Record
    stuck: Sequence[asyncpg.Record]
    queues: Sequence[QueueState] | None
    outboxes: Sequence[OutboxState]
    now: datetime

    @property
    def stuck_total(self) -> int:
        """Batches that are stuck."""
        return self.stuck[0]["stuck_total"] if self.stuck else 0

    @property
    def stuck_images(self) -> int:
        """Images of theirs that have not ended."""
        return int(self.stuck[0]["stuck_images"]) if self.stuck else 0

    @property
    def dead_letters(self) -> int | None:
        """Of all queues; None when the broker does not answer."""
        return None if self.queues is None else sum(queue.dead for queue in self.queues)

    @property
    def retries_waiting(self) -> int:
        """Of all services."""
        return sum(found.retries_waiting for found in self.outboxes)

    @property
    def oldest_outbox_at(self) -> datetime | None:
        """Since when the oldest letter of all waits to be published."""
        return min((found.oldest_at for found in self.outboxes if found.oldest_at), default=None)


async def find_standing(ports: Ports, account_id: str | None) -> Standing:
    """How the system stands; batches are those of the account, None: of all."""
    queues, (sums, stuck, reports, backlog) = await asyncio.gather(find_queues(ports), _tables(ports, account_id))
    now = datetime.now(UTC)
    return Standing(sums, stuck, queues, outboxes_of(reports, backlog, now), now)


async def find_queues(ports: Ports) -> list[QueueState] | None:
    """Every queue, as it is now; None when the broker does not answer in time."""
    depths, flows = await asyncio.gather(_depths(ports), _flows(ports))
    if depths is None:
        return None
    return [
        QueueState(each.queue, depths[each.queue], depths[each.dead_queue].ready, flows.get(each.queue))
        for each in subscriptions()
    ]


async def _depths(ports: Ports) -> Mapping[str, Depth] | None:
    try:
        async with asyncio.timeout(BROKER_SECONDS_MAX):
            return await ports.bus.depths()
    except (Closed, TimeoutError):
        return None


async def _flows(ports: Ports) -> Mapping[str, Flow]:
    return await ports.management.flows() if ports.management else {}


async def _tables(
    ports: Ports, account_id: str | None
) -> tuple[asyncpg.Record, list[asyncpg.Record], list[asyncpg.Record], Backlog]:
    async with ports.database.connection() as connection:
        return (
            await operations.sum_batches(connection, account_id),
            await operations.list_stuck(connection, account_id, STUCK_SHOWN_MAX),
            await service_reports.list_newest(connection),
            await outbox.count_backlog(connection, ServiceReported.type, ""),
        )


def outboxes_of(reports: Sequence[asyncpg.Record], own: Backlog, now: datetime) -> list[OutboxState]:
    """Every service's outbox; the gateway's own as it is now."""
    gateway = OutboxState("gateway", own.rows, own.oldest_at, own.retries_waiting, now, 0.0)
    others = [
        OutboxState(
            row["service"],
            row["outbox_rows"],
            row["outbox_oldest_at"],
            row["retries_waiting"],
            row["reported_at"],
            row["silent_seconds"],
        )
        for row in reports
        if row["service"] != gateway.service
    ]
    return [gateway, *others]


def recommendations(standing: Standing, report_seconds: float) -> list[str]:
    """What an operator should do, or that there is nothing to be done."""
    silent_seconds_max = max(SILENT_SECONDS_MIN, REPORTS_MISSED_MAX * report_seconds)
    found = [
        *_of_queues(standing),
        *_of_batches(standing),
        *_of_services(standing.outboxes, silent_seconds_max),
        *_of_outboxes(standing),
    ]
    return found or [OPERATING_NORMALLY]


def _of_queues(standing: Standing) -> list[str]:
    if standing.queues is None:
        return ["The broker does not answer: figures of its queues are missing, and work goes on when it is back"]
    deserted = sorted({queue.name.partition(".")[0] for queue in standing.queues if not queue.depth.consumers})
    found = [f"Nobody takes messages for {service}: check that it runs" for service in deserted]
    if standing.dead_letters:
        found.append(f"{standing.dead_letters} dead letters: look at them (GET /admin/queue/dead) and redrive them")
    return found


def _of_batches(standing: Standing) -> list[str]:
    if not standing.stuck:
        return []
    return [f"{standing.stuck_total} batches made no progress for an hour: reset, cancel or clean them up"]


def _of_services(outboxes: Sequence[OutboxState], silent_seconds_max: float) -> list[str]:
    heard = {found.service: found.silent_seconds for found in outboxes}
    missing = [f"{service} has not reported itself yet" for service in CONSUMERS if service not in heard]
    silent = [
        f"{service} is silent for {seconds:.0f} s: check that it runs"
        for service, seconds in heard.items()
        if seconds > silent_seconds_max
    ]
    return missing + silent


def _of_outboxes(standing: Standing) -> list[str]:
    return [
        f"{found.rows} events of {found.service} wait to be published, the oldest since {age:.0f} s"
        for found in standing.outboxes
        if found.oldest_at and (age := (standing.now - found.oldest_at).total_seconds()) > LATE_SECONDS
    ]
