"""Events in their envelopes, out and in again."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from shared.envelope import Unreadable, child_traceparent, enclose, new_id, new_traceparent, read, subject_of
from shared.events import EVENTS, Event, JobSubmitted, TokensGranted
from shared.facts import Recipe, Webhook
from tests.contract.sample_files import SAMPLES

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01")

each_event = pytest.mark.parametrize("event", [sample.event for sample in SAMPLES], ids=lambda event: event.type)


@each_event
def test_an_event_comes_out_as_it_went_in(event: Event) -> None:
    enclosed = enclose(event, source="gateway", traceparent=PARENT)
    envelope = read(enclosed.body, event.type)
    assert envelope.data == event
    assert (envelope.id, envelope.type, envelope.subject) == (enclosed.event_id, event.type, enclosed.subject)
    assert (envelope.source, envelope.traceparent) == ("/darkroom/gateway", PARENT)
    assert abs(datetime.now(UTC) - envelope.time) < timedelta(minutes=1)


@each_event
def test_a_message_is_a_cloud_event_about_its_job_or_account(event: Event) -> None:
    message = json.loads(enclose(event, source="ledger", traceparent=PARENT).body)
    assert message["specversion"] == "1.0"
    assert message["datacontenttype"] == "application/json"
    assert message["time"].endswith("Z")
    about = ("job_id", "account_id", "audit_id", "export_id", "instance_id")
    assert message["subject"] == str(next(filter(None, (getattr(event, name, None) for name in about))))


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3))
def test_any_text_survives(account_id: str, url: str, params: dict[str, str | int | None]) -> None:
    event = JobSubmitted(
        account_id=account_id,
        job_id=new_id(),
        kind="products",
        recipe=Recipe(operation="compress", params=params),
        images_total=1,
        webhook=Webhook(url=url),
    )
    found = read(enclose(event, source="gateway", traceparent=PARENT).body, event.type).data
    assert isinstance(found, JobSubmitted)
    assert (found.account_id, found.webhook) == (account_id, event.webhook)
    assert found.recipe.params == params


def test_ids_made_one_after_another_are_in_order() -> None:
    ids = [new_id() for _ in range(1_000)]
    assert ids == sorted(set(ids))
    assert {found.version for found in ids} == {7}


def test_every_enclosure_is_an_event_of_its_own() -> None:
    event = TokensGranted(account_id="acme", amount=1, balance=1, held=0, account_version=1)
    assert subject_of(event) == "acme"
    first, second = (enclose(event, source="ledger", traceparent=PARENT) for _ in range(2))
    assert first.event_id != second.event_id


def test_a_trace_goes_on_under_a_new_span() -> None:
    child = child_traceparent(PARENT)
    assert child[:36] == PARENT[:36]
    assert child != PARENT
    assert all(TRACEPARENT.fullmatch(each) for each in (child, new_traceparent()))
    assert new_traceparent() != new_traceparent()


def test_an_event_in_the_wrong_queue_is_unreadable() -> None:
    event = next(sample.event for sample in SAMPLES if sample.type == "job.paused.v1")
    body = enclose(event, source="gateway", traceparent=PARENT).body
    with pytest.raises(Unreadable, match=r"job\.paused\.v1 in a queue for job\.resumed\.v1"):
        read(body, "job.resumed.v1")


def test_what_is_wrong_is_said_without_the_content() -> None:
    body = {"specversion": "1.0", "id": "secret", "data": {"account_id": {"secret": 1}}}
    with pytest.raises(Unreadable) as raised:
        read(json.dumps(body).encode(), "tokens.granted.v1")
    assert "id: " in str(raised.value)
    assert "secret" not in str(raised.value)


def test_types_are_nouns_participles_and_versions() -> None:
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+ed\.v[1-9]\d*|tokens\.held\.v1", found) for found in EVENTS)
    assert all(event.__name__.lower() == "".join(event.type.split(".")[:2]) for event in EVENTS.values())
