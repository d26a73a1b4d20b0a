"""What operators are advised to do, by how the system stands."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.operations import OutboxState, QueueState, Standing, recommendations
from services.gateway.redriving import FAILED, ON_ITS_WAY, OUTDATED, verdict_on
from shared.bus import Depth
from shared.envelope import new_id
from shared.redriving import Verdict
from shared.topology import CONSUMERS
from tests.dead_letters import image_requested

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUEUE = QueueState("ledger.job.submitted.v1", Depth(0, 1), 0, None)
SAYS_NOTHING = OutboxState("gateway", 0, None, 0, NOW, 1.0)
OUTBOXES = tuple(replace(SAYS_NOTHING, service=service) for service in CONSUMERS)
SUMS: Any = {}


def advised(
    *,
    queues: Sequence[QueueState] | None = (QUEUE,),
    outboxes: Sequence[OutboxState] = OUTBOXES,
    stuck: Sequence[dict[str, int]] = (),
) -> list[str]:
    """What is recommended."""
    rows: Any = stuck
    return recommendations(Standing(SUMS, rows, queues, outboxes, NOW), report_seconds=15)


def test_all_is_well() -> None:
    assert advised() == ["Queue is operating normally"]


@pytest.mark.parametrize(
    ("standing", "word"),
    [
        ({"queues": None}, "The broker does not answer"),
        ({"queues": [replace(QUEUE, depth=Depth(5, 0))]}, "Nobody takes messages for ledger"),
        ({"queues": [replace(QUEUE, dead=3), replace(QUEUE, dead=4)]}, "7 dead letters"),
        ({"stuck": [{"stuck_total": 12, "stuck_images": 99}]}, "12 batches made no progress"),
        ({"outboxes": OUTBOXES[:-1]}, "ledger has not reported itself yet"),
        ({"outboxes": [*OUTBOXES[:-1], replace(OUTBOXES[-1], silent_seconds=61)]}, "ledger is silent for 61 s"),
        (
            {"outboxes": [*OUTBOXES[1:], replace(OUTBOXES[0], rows=7, oldest_at=NOW - timedelta(seconds=90))]},
            "7 events of gateway wait to be published, the oldest since 90 s",
        ),
    ],
    ids=["broker", "deserted", "dead", "stuck", "unheard", "silent", "late"],
)
def test_what_is_not_well_is_said(standing: dict[str, Any], word: str) -> None:
    (advice,) = advised(**standing)
    assert word in advice


def test_a_letter_that_waits_for_a_moment_is_nothing_to_worry_about() -> None:
    young = replace(OUTBOXES[0], rows=7, oldest_at=NOW - timedelta(seconds=2))
    assert advised(outboxes=[young, *OUTBOXES[1:]]) == ["Queue is operating normally"]


@pytest.mark.parametrize(
    ("image", "verdict"),
    [
        (None, OUTDATED),
        ({"run": 1, "state": "failed"}, FAILED),
        ({"run": 1, "state": "pending"}, ON_ITS_WAY),
        ({"run": 1, "state": "succeeded"}, OUTDATED),
        ({"run": 1, "state": "cancelled"}, OUTDATED),
        ({"run": 2, "state": "pending"}, OUTDATED),
        ({"run": 2, "state": "failed"}, OUTDATED),
    ],
    ids=["gone", "failed", "pending", "succeeded", "cancelled", "later", "failed later"],
)
def test_an_image_whose_failure_was_said_is_judged_by_what_became_of_it(
    image: dict[str, Any] | None, verdict: Verdict
) -> None:
    assert verdict_on(image_requested("acme", new_id(), new_id()), image) is verdict
