"""Exchanges, queues and who listens to what, as data. shared/bus.py declares it; the same on RabbitMQ 3.10 and 4.x."""

from dataclasses import dataclass

from shared import events as e
from shared.events import Event

EVENTS_EXCHANGE = "darkroom.events"
DEAD_EXCHANGE = "darkroom.dead"
DEAD = ".dead"

# A killed consumer counts against every innocent message that it had prefetched, so the broker's own limit is far
# out, and the service loop gives a message up long before (DELIVERIES_MAX).
DELIVERY_LIMIT = 200
DELIVERIES_MAX = 60

PRODUCERS: dict[str, tuple[type[Event], ...]] = {
    "gateway": (
        e.JobSubmitted,
        e.JobCloned,
        e.JobDeleted,
        e.ImageRequested,
        e.ImageCancelled,
        e.JobPaused,
        e.JobResumed,
        e.JobCancelled,
        e.JobCompleted,
        e.ExportRequested,
        e.ReportRequested,
        e.WebhookRequested,
        e.SecretRotated,
        e.AccountOpened,
        e.GrantRequested,
        e.RegenerationRequested,
        e.AuditRequested,
    ),
    "fetcher": (e.ImageFetched, e.ImageFailed, e.ImageCancelled),
    "enhancer": (e.ImageEnhanced, e.ImageAnalyzed, e.ImageFailed, e.ImageCancelled),
    "exporter": (e.ExportCompleted, e.ExportFailed, e.WebhookDelivered, e.WebhookRefused, e.WebhookAbandoned),
    "ledger": (
        e.TokensGranted,
        e.TokensHeld,
        e.TokensDeclined,
        e.TokensCaptured,
        e.TokensVoided,
        e.AuditCompleted,
    ),
}

EVERYBODY: tuple[type[Event], ...] = (e.ServiceReported,)
"""What every service says by shared/service.py."""

PRODUCERS = {service: (*said, *EVERYBODY) for service, said in PRODUCERS.items()}
"""Which service says what, with what all say. Nothing runs by it: the documents are made from it, and the contract
tests hold it true."""

CONSUMERS: dict[str, tuple[type[Event], ...]] = {
    "gateway": (
        e.ImageEnhanced,
        e.ImageAnalyzed,
        e.ImageFailed,
        e.ImageCancelled,
        e.TokensGranted,
        e.TokensHeld,
        e.TokensDeclined,
        e.TokensCaptured,
        e.TokensVoided,
        e.AuditCompleted,
        e.ExportCompleted,
        e.ExportFailed,
        e.WebhookDelivered,
        e.WebhookRefused,
        e.WebhookAbandoned,
        e.ServiceReported,
    ),
    "fetcher": (e.ImageRequested, e.JobPaused, e.JobResumed, e.JobCancelled),
    "enhancer": (e.ImageFetched, e.JobPaused, e.JobResumed, e.JobCancelled),
    "exporter": (
        e.JobSubmitted,
        e.JobCloned,
        e.JobDeleted,
        e.ImageEnhanced,
        e.ImageAnalyzed,
        e.ImageFailed,
        e.ImageCancelled,
        e.JobCompleted,
        e.ExportRequested,
        e.ReportRequested,
        e.WebhookRequested,
        e.SecretRotated,
    ),
    "ledger": (
        e.AccountOpened,
        e.GrantRequested,
        e.RegenerationRequested,
        e.AuditRequested,
        e.JobSubmitted,
        e.ImageEnhanced,
        e.ImageAnalyzed,
        e.ImageFailed,
        e.ImageCancelled,
    ),
}
"""Which service hears what, each through a queue of its own."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One service's interest in one type of event: a durable quorum queue and its dead letters."""

    service: str
    event: type[Event]

    @property
    def queue(self) -> str:
        """Its queue, e.g. `fetcher.image.requested.v1`."""
        return f"{self.service}.{self.event.type}"

    @property
    def dead_queue(self) -> str:
        """Where messages go that this service could not handle."""
        return f"{self.queue}{DEAD}"

    @property
    def purpose(self) -> str:
        """One sentence for the RabbitMQ console, shown on the binding."""
        return f"{self.service} handles {self.event.__name__}: {(self.event.__doc__ or '').splitlines()[0]}"

    @property
    def arguments(self) -> dict[str, str | int]:
        """The queue's arguments."""
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_EXCHANGE,
            "x-dead-letter-routing-key": self.dead_queue,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    @property
    def dead_arguments(self) -> dict[str, str | int]:
        """The dead-letter queue's arguments."""
        return {"x-queue-type": "quorum", "x-overflow": "reject-publish"}


def subscriptions(service: str | None = None) -> tuple[Subscription, ...]:
    """The subscriptions of one service, or of all."""
    names = [service] if service else list(CONSUMERS)
    return tuple(Subscription(name, event) for name in names for event in CONSUMERS[name])
