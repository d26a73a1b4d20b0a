"""Old messages are read for ever, and what they say is still understood."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from docs.schemas import schema_of
from shared.envelope import Unreadable, read
from shared.events import EVENTS, Event
from tests.contract.sample_files import SAMPLES, SAMPLES_BY_TYPE, Sample

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file.stem)


def fields_said(model: type[BaseModel], value: BaseModel) -> Iterator[tuple[str, str]]:
    """Which fields of a model, and of the models inside it, a value says: (declaring class, field)."""
    for name in value.model_fields_set:
        declared_by = [parent for parent in model.__mro__ if name in parent.__dict__.get("__annotations__", {})]
        yield declared_by[-1].__name__, name
        found = getattr(value, name)
        for inner in found if isinstance(found, tuple) else (found,):
            if isinstance(inner, BaseModel):
                yield from fields_said(type(inner), inner)


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """All fields of a model and of its parents: (declaring class, field)."""
    for parent in model.__mro__:
        own = parent.__dict__.get("__annotations__", {})
        yield from ((parent.__name__, name) for name in own if name in model.model_fields)


def test_every_event_has_a_sample_and_every_sample_an_event() -> None:
    assert {sample.type for sample in SAMPLES} == set(EVENTS)
    assert all(SAMPLES_BY_TYPE.values())


@each_sample
def test_a_sample_is_read_as_its_event(sample: Sample) -> None:
    envelope = read(sample.body, sample.type)
    assert isinstance(envelope.data, EVENTS[sample.type])
    assert (str(envelope.id), envelope.subject) == (sample.message["id"], sample.message["subject"])
    assert envelope.traceparent == sample.message["traceparent"]


@each_sample
def test_everything_that_a_sample_says_is_understood(sample: Sample) -> None:
    said = sample.message["data"]
    understood = type(sample.event).model_validate(said)
    assert understood == sample.event
    assert_same(said, json.loads(understood.model_dump_json()))


def assert_same(said: Any, understood: Any) -> None:
    """Every value of a message has come through; what newer versions add is not looked at."""
    if isinstance(said, dict):
        assert said.keys() <= understood.keys()
        for name, value in said.items():
            assert_same(value, understood[name])
    elif isinstance(said, list):
        assert len(said) == len(understood)
        for value, other in zip(said, understood, strict=True):
            assert_same(value, other)
    else:
        assert understood == said or _moment(said) == _moment(understood)


def _moment(text: Any) -> Any:
    """A time without its trailing zeros."""
    return text.removesuffix("Z").rstrip("0").rstrip(".") if isinstance(text, str) and text.endswith("Z") else text


@each_sample
def test_a_sample_fits_the_schema_of_its_event(sample: Sample) -> None:
    schema = schema_of(EVENTS[sample.type])
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in checker.iter_errors(sample.message)] == []


@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: event.type)
def test_every_field_of_an_event_is_said_in_some_sample(event: type[Event]) -> None:
    said = {field for sample in SAMPLES for field in fields_said(type(sample.event), sample.event)}
    assert set(fields_of(event)) - said == set(), "a new field needs a new sample: <type>.<what for>.json"


def open_maps(event: Event) -> set[str]:
    """Fields that are no models: every name in them is a known one."""
    return {name for name in type(event).model_fields if isinstance(getattr(event, name), dict)}


@each_sample
def test_fields_that_are_not_known_are_ignored(sample: Sample) -> None:
    message = sample.message
    message["newer"] = {"anything": [1]}
    message["data"]["newer"] = "anything"
    for name, part in message["data"].items():
        if isinstance(part, dict) and name not in open_maps(sample.event):
            part["newer"] = 1
    assert read(json.dumps(message).encode(), sample.type).data == sample.event


@each_sample
def test_a_message_of_another_version_is_not_guessed_at(sample: Sample) -> None:
    next_type = sample.type.rpartition(".v")[0] + ".v99"
    with pytest.raises(Unreadable, match="unknown event type"):
        read(sample.body, next_type)
    with pytest.raises(Unreadable, match="v99"):
        read(json.dumps({**sample.message, "type": next_type}).encode(), sample.type)
    with pytest.raises(Unreadable, match="specversion"):
        read(json.dumps({**sample.message, "specversion": "2.0"}).encode(), sample.type)


@each_sample
def test_a_message_without_a_needed_field_is_refused(sample: Sample) -> None:
    for name, field in EVENTS[sample.type].model_fields.items():
        if field.is_required():
            message = sample.message
            del message["data"][name]
            with pytest.raises(Unreadable, match=f"data.{name}: "):
                read(json.dumps(message).encode(), sample.type)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"{}", b'{"specversion": "1.0"}', b"\xff\xfe", b"1" * 9999]
)
def test_what_is_no_message_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body, "image.requested.v1")
