"""Who listens to what, as data."""

import pytest

from shared.events import ImageRequested, JobSubmitted
from shared.topology import CONSUMERS, Subscription, subscriptions


def test_a_queue_is_named_after_its_service_and_its_event() -> None:
    heard = Subscription("fetcher", ImageRequested)
    assert heard.queue == "fetcher.image.requested.v1"
    assert heard.dead_queue == "fetcher.image.requested.v1.dead"


def test_each_service_has_a_queue_of_its_own_for_the_same_event() -> None:
    queues = {heard.queue for heard in subscriptions() if heard.event is JobSubmitted}
    assert queues == {"exporter.job.submitted.v1", "ledger.job.submitted.v1"}


def test_the_console_shows_a_sentence_about_every_queue() -> None:
    purpose = Subscription("fetcher", ImageRequested).purpose
    assert purpose == "fetcher handles ImageRequested: An image may enter the pipeline."
    assert all(heard.purpose.endswith((".", ")")) for heard in subscriptions())


@pytest.mark.parametrize("service", CONSUMERS)
def test_a_service_is_subscribed_to_what_it_hears_once(service: str) -> None:
    assert [heard.event for heard in subscriptions(service)] == list(CONSUMERS[service])
    assert {heard.service for heard in subscriptions(service)} == {service}
    assert len(set(CONSUMERS[service])) == len(CONSUMERS[service])


def test_a_service_that_does_not_exist_has_no_subscriptions() -> None:
    with pytest.raises(KeyError):
        subscriptions("nobody")
