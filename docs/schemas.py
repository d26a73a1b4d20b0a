"""One JSON Schema (2020-12, https://json-schema.org) per event: the whole message, envelope and data."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from shared.envelope import Envelope
from shared.events import Event
from shared.topology import PRODUCERS


class Untitled(GenerateJsonSchema):
    """Fields are named by their names alone; a title that repeats the name says nothing."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def generate(self, schema: core_schema.CoreSchema, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        """The schema, with its dialect named."""
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}


def producers_of(event: type[Event]) -> list[str]:
    """The services that say an event."""
    return [service for service, said in PRODUCERS.items() if event in said]


def first_sentence(event: type[Event]) -> str:
    """What an event says, in the words of its class."""
    return (event.__doc__ or "").strip().splitlines()[0]


def schema_of(event: type[Event]) -> dict[str, Any]:
    """What a reader of the event accepts; unknown fields are allowed and ignored, so that producers can be newer."""
    made = Envelope[event].model_json_schema(schema_generator=Untitled)  # type: ignore[valid-type]
    head = made["properties"]
    head["type"] = {"const": event.type}
    head["source"]["examples"] = [f"/darkroom/{service}" for service in producers_of(event)]
    head["datacontenttype"] = {"const": "application/json"}
    return {
        "$schema": made["$schema"],
        "$id": f"urn:darkroom:{event.type}",
        "title": event.__name__,
        "description": first_sentence(event),
        "type": "object",
        "properties": head,
        "required": made["required"],
        "$defs": made["$defs"],
    }
