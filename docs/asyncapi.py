"""AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0): who sends and who receives what."""

from typing import Any

import yaml

from docs.schemas import first_sentence, schema_of
from shared.envelope import CONTENT_TYPE
from shared.events import EVENTS, Event
from shared.topology import CONSUMERS, DEAD_EXCHANGE, EVENTS_EXCHANGE, PRODUCERS, Subscription, subscriptions

BINDING_VERSION = "0.3.0"  # of https://github.com/asyncapi/bindings, amqp
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"

DESCRIPTION = f"""\
Services speak only by events. An event is published once, to the topic exchange `{EVENTS_EXCHANGE}`, with its type as
the routing key; each service that listens has a durable quorum queue of its own for it, `<service>.<type>`. What a
service cannot handle is kept in `<service>.<type>.dead`, bound to `{DEAD_EXCHANGE}`.

Delivery is at least once and in no order. An event's `id` stays the same however often it is delivered.
"""

HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "What the RabbitMQ console shows of a message without opening it.",
    "properties": {
        "event_id": {"type": "string", "format": "uuid", "description": "the same at every attempt"},
        "subject": {"type": "string", "description": "the job, else the account, that the event is about"},
        "attempt": {"type": "integer", "minimum": 1, "description": "which attempt at handling this message is"},
        "traceparent": {"type": "string", "description": "W3C trace context"},
        "first_attempt_at": {"type": "string", "format": "date-time", "description": "on retries"},
        "reason": {"type": "string", "description": "on retries and dead letters: why"},
        "told": {"type": "boolean", "description": "on dead letters: an event has said that this one failed"},
    },
    "required": ["event_id", "subject", "attempt", "traceparent"],
}


class Plain(yaml.SafeDumper):
    """YAML as a person would write it: long text as a block, nothing by reference."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Write everything out."""
        return True

    def text(self, text: str) -> yaml.ScalarNode:
        """Lines as lines."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Plain.add_representer(str, Plain.text)


def document() -> str:
    """The whole document as YAML."""
    made = {
        "asyncapi": "3.0.0",
        "info": {"title": "Darkroom events", "version": "1.0.0", "description": DESCRIPTION},
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "rabbitmq": {
                "host": "localhost:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "RabbitMQ 3.10 or newer; `DARKROOM_AMQP_URL` says where.",
            }
        },
        "channels": {event.type: _channel(event) for event in EVENTS.values()},
        "operations": {**_sends(), **_receives()},
        "components": {
            "messages": {event.__name__: _message(event) for event in EVENTS.values()},
            "schemas": {"Headers": HEADERS},
        },
    }
    return yaml.dump(made, Dumper=Plain, sort_keys=False, allow_unicode=True, width=120)


def _channel(event: type[Event]) -> dict[str, Any]:
    return {
        "address": event.type,
        "title": event.__name__,
        "summary": first_sentence(event),
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EVENTS_EXCHANGE, "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": first_sentence(event),
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./{event.type}.json"}},
    }


def _operation(action: str, service: str, event: type[Event], amqp: dict[str, Any]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{event.type}"},
        "title": f"{service} {action}s {event.__name__}",
        "tags": [{"name": service}],
        "messages": [{"$ref": f"#/channels/{event.type}/messages/{event.__name__}"}],
        "bindings": {"amqp": {**amqp, "bindingVersion": BINDING_VERSION}},
    }


def _sends() -> dict[str, Any]:
    persistent = {"deliveryMode": 2, "mandatory": True, "timestamp": True}
    return {
        f"{service}.sends.{event.type}": _operation("send", service, event, persistent)
        for service, said in PRODUCERS.items()
        for event in said
    }


def _receives() -> dict[str, Any]:
    return {
        f"{heard.service}.receives.{heard.event.type}": {
            **_operation("receive", heard.service, heard.event, {"ack": True}),
            "x-queue": _queue(heard),
        }
        for service in CONSUMERS
        for heard in subscriptions(service)
    }


def _queue(heard: Subscription) -> dict[str, Any]:
    return {"name": heard.queue, "durable": True, "arguments": heard.arguments, "deadLetters": heard.dead_queue}


def schemas() -> dict[str, dict[str, Any]]:
    """File name and content of the schemas that the document refers to."""
    return {f"{event.type}.json": schema_of(event) for event in EVENTS.values()}
