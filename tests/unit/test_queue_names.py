"""Queues as operators name them."""

from shared.redriving import named
from shared.topology import subscriptions


def test_a_queue_is_found_by_its_name_and_by_that_of_its_dead_letters() -> None:
    for heard in subscriptions():
        assert named(heard.queue) == named(heard.dead_queue) == heard
    assert named("no.such.queue") is None
    assert named("") is None
