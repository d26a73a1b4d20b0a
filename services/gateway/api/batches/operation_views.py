"""How the system's standing reads, and the examples that its documentation shows."""

from typing import Any

from services.gateway.api.batches.answers import written
from services.gateway.operations import OutboxState, QueueState, Standing
from services.gateway.redriving import RETRIED
from shared.db import Row
from shared.dead_letters import DeadLetter
from shared.redriving import Redriven

Json = dict[str, Any]

ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"
TIME = "2026-11-21T03:57:36.691Z"
QUEUE = "fetcher.image.requested.v1"
SHORT_STATS: Json = {"pending": 5, "processing": 2, "completed": 1240, "failed": 8}
STATS: Json = {**SHORT_STATS, "retrying": 1}
STATUS: Json = {
    "queue_stats": STATS,
    "total_stuck": 0,
    "stuck_jobs": [],
    "stuck_images_total": 0,
    "recommendations": ["Queue is operating normally"],
    "queues": [
        {
            "name": QUEUE,
            "ready": 0,
            "unacked": 12,
            "consumers": 1,
            "dead": 0,
            "publish_rate": 210.4,
            "deliver_rate": 209.8,
        }
    ],
    "outboxes": [
        {"service": "fetcher", "rows": 0, "oldest_at": None, "retries_waiting": 1, "reported_at": TIME},
    ],
    "oldest_outbox_at": None,
    "dead_letters_total": 0,
}
SYSTEM: Json = {
    "total_batches": 50,
    "active_batches": 3,
    "completed_batches": 45,
    "total_urls_processed": 125_000,
    "successful_urls": 118_125,
    "overall_success_rate": 94.5,
    "queue_stats": STATS,
}
DEAD: Json = {
    "dead_letters": [
        {
            "queue": QUEUE,
            "type": "image.requested.v1",
            "event_id": "01a1fc40-a9d1-7c30-b1a4-0d2f6f1f7a11",
            "job_id": ID,
            "problem": "internal_error",
            "reason": "internal_error: OSError: no space left on device",
            "attempts": 4,
            "died_at": TIME,
            "failure_said": True,
        }
    ],
    "count": 1,
    "limit": 20,
}
REDRIVEN: Json = {
    "redriven": 3,
    "by_queue": {"exporter.image.enhanced.v1": 3},
    "retried": 1,
    "settled": 0,
    "skipped": 2,
    "skipped_because": {"image has failed: retry it": 2},
    "remaining": 2,
}


def standing_view(standing: Standing, recommendations: list[str]) -> Json:
    """Everything that an operator is told."""
    queues = standing.queues
    return {
        "queue_stats": stats_view(standing.sums, standing.retries_waiting),
        "total_stuck": standing.stuck_total,
        "stuck_jobs": [_stuck_job(batch) for batch in standing.stuck],
        "stuck_images_total": standing.stuck_images,
        "recommendations": recommendations,
        "queues": None if queues is None else [_queue(queue) for queue in queues],
        "outboxes": [_outbox(found) for found in standing.outboxes],
        "oldest_outbox_at": written(standing.oldest_outbox_at),
        "dead_letters_total": standing.dead_letters,
    }


def stats_view(sums: Row, retrying: int) -> Json:
    """Images by what is done with them; those that wait for a retry are processed too."""
    return {**short_stats_view(sums), "retrying": retrying}


def short_stats_view(sums: Row) -> Json:
    """The same without retries."""
    return {
        "pending": int(sums["waiting"]),
        "processing": int(sums["in_flight"]),
        "completed": int(sums["succeeded"]),
        "failed": int(sums["failed"]),
    }


def system_view(sums: Row, retrying: int) -> Json:
    """An account's batches in figures."""
    processed = int(sums["succeeded"] + sums["failed"])
    return {
        "total_batches": sums["batches"],
        "active_batches": sums["batches_active"],
        "completed_batches": sums["batches_completed"],
        "total_urls_processed": processed,
        "successful_urls": int(sums["succeeded"]),
        "overall_success_rate": round(100 * int(sums["succeeded"]) / processed, 2) if processed else 0.0,
        "queue_stats": stats_view(sums, retrying),
    }


def letter_view(letter: DeadLetter) -> Json:
    """A dead letter without its content."""
    return {
        "queue": letter.subscription.queue,
        "type": letter.subscription.event.type,
        "event_id": letter.event_id or None,
        "job_id": letter.job_id,
        "problem": letter.problem,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "died_at": written(letter.died_at),
        "failure_said": letter.told,
    }


def redriven_view(tally: Redriven) -> Json:
    """What a redrive came to."""
    retried = tally.settled[RETRIED.reason]
    return {
        "redriven": tally.by_queue.total(),
        "by_queue": dict(tally.by_queue),
        "retried": retried,
        "settled": tally.settled.total() - retried,
        "skipped": tally.skipped.total(),
        "skipped_because": dict(tally.skipped),
        "remaining": tally.remaining,
    }


def _stuck_job(batch: Row) -> Json:
    return {
        "job_id": str(batch["job_id"]),
        "job_type": "batch",
        "status": batch["status"],
        "retry_count": batch["retries"],
        "batch_id": str(batch["job_id"]),
        "created_at": written(batch["created_at"]),
        "updated_at": written(batch["updated_at"]),
        "images_left": batch["images_left"],
    }


def _queue(queue: QueueState) -> Json:
    view: Json = {
        "name": queue.name,
        "ready": queue.depth.ready,
        "unacked": queue.unacked,
        "consumers": queue.depth.consumers,
        "dead": queue.dead,
    }
    if queue.flow and queue.flow.message_stats:
        view["publish_rate"] = queue.flow.message_stats.publish_details.rate
        view["deliver_rate"] = queue.flow.message_stats.deliver_get_details.rate
    return view


def _outbox(found: OutboxState) -> Json:
    return {
        "service": found.service,
        "rows": found.rows,
        "oldest_at": written(found.oldest_at),
        "retries_waiting": found.retries_waiting,
        "reported_at": written(found.reported_at),
    }
