"""docs/events/asyncapi.yaml is AsyncAPI 3.0 as far as we use it, and says who really speaks to whom."""

from pathlib import Path
from typing import Any

import jsonschema
import yaml

from docs.generate import EVENTS as FOLDER
from shared.events import EVENTS
from shared.topology import CONSUMERS, PRODUCERS, subscriptions

DOCUMENT: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))

TEXT = {"type": "string", "minLength": 1}
REFERENCE = {
    "type": "object",
    "properties": {"$ref": {"type": "string", "pattern": r"^(#/|\./)"}},
    "required": ["$ref"],
    "additionalProperties": False,
}


def record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with these fields; beside them only extensions (x-...)."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
    }


def by_name(value: dict[str, Any]) -> dict[str, Any]:
    """An object whose names are keys in the sense of the specification."""
    return {"type": "object", "propertyNames": {"pattern": r"^[\w.\-]+$"}, "additionalProperties": value}


def bound_by(binding: dict[str, Any]) -> dict[str, Any]:
    """The AMQP binding of something."""
    return record({"amqp": {**binding, "required": [*binding["required"], "bindingVersion"]}})


EXCHANGE = record(
    {"name": TEXT, "type": {"const": "topic"}, "durable": {"const": True}, "autoDelete": {"const": False}}
)
CHANNEL_BINDING = record({"is": {"const": "routingKey"}, "exchange": EXCHANGE}, bindingVersion={"const": "0.3.0"})
OPERATION_BINDING = record(
    {},
    deliveryMode={"const": 2},
    mandatory={"const": True},
    timestamp={"type": "boolean"},
    ack={"const": True},
    bindingVersion={"const": "0.3.0"},
)
PAYLOAD = record({"schemaFormat": {"const": "application/schema+json;version=draft-2020-12"}, "schema": REFERENCE})
SPECIFICATION = record(
    {
        "asyncapi": {"const": "3.0.0"},
        "info": record({"title": TEXT, "version": TEXT}, description=TEXT),
        "servers": by_name(record({"host": TEXT, "protocol": TEXT}, protocolVersion=TEXT, description=TEXT)),
        "channels": by_name(
            record(
                {"address": TEXT, "messages": by_name(REFERENCE)},
                title=TEXT,
                summary=TEXT,
                bindings=bound_by(CHANNEL_BINDING),
            )
        ),
        "operations": by_name(
            record(
                {"action": {"enum": ["send", "receive"]}, "channel": REFERENCE},
                title=TEXT,
                tags={"type": "array", "items": record({"name": TEXT})},
                messages={"type": "array", "items": REFERENCE, "minItems": 1},
                bindings=bound_by(OPERATION_BINDING),
            )
        ),
        "components": record({"messages": by_name({"type": "object"}), "schemas": by_name({"type": "object"})}),
    },
    defaultContentType=TEXT,
)
MESSAGE = record({"name": TEXT, "payload": PAYLOAD}, title=TEXT, summary=TEXT, contentType=TEXT, headers=REFERENCE)


def references(value: Any) -> list[str]:
    """Every `$ref` inside a value."""
    if isinstance(value, dict):
        inside = [found for name, inner in value.items() if name != "$ref" for found in references(inner)]
        return [*inside, value["$ref"]] if "$ref" in value else inside
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


def resolve(reference: str) -> Any:
    """What a `$ref` points to, here or in a file beside the document."""
    if reference.startswith("./"):
        return yaml.safe_load((FOLDER / Path(reference).name).read_text(encoding="utf-8"))
    found = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_the_document_has_the_form_of_the_specification() -> None:
    jsonschema.Draft202012Validator(SPECIFICATION).validate(DOCUMENT)
    for message in DOCUMENT["components"]["messages"].values():
        jsonschema.Draft202012Validator(MESSAGE).validate(message)


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert len(found) > len(EVENTS)
    assert all(resolve(reference) for reference in found)


def test_an_operation_names_messages_of_its_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert [message["$ref"].rpartition("/messages/")[0] for message in operation["messages"]] == [channel]


def test_every_event_has_a_channel_at_its_routing_key() -> None:
    assert {name: channel["address"] for name, channel in DOCUMENT["channels"].items()} == {
        name: name for name in EVENTS
    }


def test_the_operations_are_who_speaks_to_whom() -> None:
    sends = {f"{service}.sends.{event.type}" for service, said in PRODUCERS.items() for event in said}
    receives = {f"{service}.receives.{event.type}" for service, heard in CONSUMERS.items() for event in heard}
    assert DOCUMENT["operations"].keys() == sends | receives


def test_a_receiver_names_its_queue_as_it_is_declared() -> None:
    for heard in subscriptions():
        operation = DOCUMENT["operations"][f"{heard.service}.receives.{heard.event.type}"]
        assert operation["x-queue"]["name"] == heard.queue
        assert operation["x-queue"]["arguments"] == heard.arguments
