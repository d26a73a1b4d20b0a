"""Logs as JSON lines that carry the event's and the job's id, and the figures that Prometheus reads."""

import logging
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram
from structlog.typing import EventDict

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVENTS_HANDLED = Counter("darkroom_events_handled_total", "Events handled", ["service", "event", "result"])
HANDLER_SECONDS = Histogram("darkroom_handler_seconds", "Time a handler took", ["service", "event"])
COMMIT_EVENTS = Histogram(
    "darkroom_commit_events", "Events gathered into one commit", ["service"], buckets=(1, 2, 5, 10, 20, 50, 100)
)
COMMIT_SECONDS = Histogram("darkroom_commit_seconds", "Time a gathered commit took", ["service"])
CONSUMERS_UP = Gauge("darkroom_consumers_up", "Queues this process consumes from", ["service"])


about: ContextVar[dict[str, str]] = ContextVar("about", default={})  # noqa: B039 (never changed in place)
"""The event that is being handled, by its id and its job's: every log line on the way carries them."""


def configure_logs(service: str, level: str) -> None:
    """Write one JSON object per line to standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_event,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[_ToStructlog()], force=True)


def _add_event(_logger: object, _method: str, line: EventDict) -> EventDict:
    line.update(about.get())
    return line


class _ToStructlog(logging.Handler):
    """What libraries log becomes a JSON line as well."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        log.log(record.levelno, record.getMessage(), **fields)
