"""Queues are frozen: a broker refuses a queue that is declared again with other arguments."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.topology import (
    CONSUMERS,
    DEAD_EXCHANGE,
    DELIVERIES_MAX,
    DELIVERY_LIMIT,
    EVENTS_EXCHANGE,
    Subscription,
    subscriptions,
)

FROZEN = Path(__file__).with_name("topology.json")

# What quorum queues take both on RabbitMQ 3.10 and on 4.x; what is unknown makes a declaration fail, or is ignored.
ARGUMENTS = {
    "x-queue-type",
    "x-delivery-limit",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-overflow",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-message-ttl",
    "x-quorum-initial-group-size",
    "x-queue-leader-locator",
    "x-single-active-consumer",
}

each_subscription = pytest.mark.parametrize("heard", subscriptions(), ids=lambda heard: heard.queue)


def topology() -> dict[str, Any]:
    """Everything that is declared, by name."""
    queues = {heard.queue: heard.arguments for heard in subscriptions()}
    dead = {heard.dead_queue: heard.dead_arguments for heard in subscriptions()}
    return {
        "exchanges": {EVENTS_EXCHANGE: "topic", DEAD_EXCHANGE: "direct"},
        "queues": dict(sorted({**queues, **dead}.items())),
        "bindings": sorted(
            [[EVENTS_EXCHANGE, heard.event.type, heard.queue] for heard in subscriptions()]
            + [[DEAD_EXCHANGE, heard.dead_queue, heard.dead_queue] for heard in subscriptions()]
        ),
    }


def test_the_topology_is_the_frozen_one() -> None:
    now, frozen = topology(), json.loads(FROZEN.read_text())
    changed = {name for name in frozen["queues"] if now["queues"].get(name) != frozen["queues"][name]}
    assert not changed, f"existing brokers have these otherwise; a change needs queues of another name: {changed}"
    assert now == frozen, f"an addition is written into {FROZEN.name} by hand"


@each_subscription
def test_a_queue_takes_only_arguments_that_old_and_new_brokers_know(heard: Subscription) -> None:
    assert heard.arguments.keys() | heard.dead_arguments.keys() <= ARGUMENTS
    assert heard.arguments["x-queue-type"] == heard.dead_arguments["x-queue-type"] == "quorum"


@each_subscription
def test_a_dead_letter_arrives_at_least_once(heard: Subscription) -> None:
    assert heard.arguments["x-dead-letter-strategy"] == "at-least-once"
    assert heard.arguments["x-overflow"] == "reject-publish", "at-least-once needs it"
    assert heard.arguments["x-dead-letter-exchange"] == DEAD_EXCHANGE
    assert heard.arguments["x-dead-letter-routing-key"] == heard.dead_queue


@each_subscription
def test_a_dead_letter_stays_until_somebody_takes_it(heard: Subscription) -> None:
    assert heard.dead_arguments.keys().isdisjoint({"x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes"})
    assert not any(name.startswith("x-dead-letter") for name in heard.dead_arguments)


def test_the_loop_gives_a_message_up_before_the_broker_does() -> None:
    assert DELIVERIES_MAX < DELIVERY_LIMIT


def test_queue_names_are_distinct_and_short_enough_for_amqp() -> None:
    names = [name for heard in subscriptions() for name in (heard.queue, heard.dead_queue)]
    assert len(set(names)) == len(names) == 2 * sum(map(len, CONSUMERS.values()))
    assert max(len(name.encode()) for name in names) <= 255
