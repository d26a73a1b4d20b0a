"""The gateway's API says of every operation what it does, how it fails, and how an answer looks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from docs.generate import FOLDER

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
OPEN_TO_ALL = {"GET /", "GET /health", "GET /api/v1/health"}
ERROR_CONTENT = {"application/json", "application/problem+json"}

each_operation = pytest.mark.parametrize("name", OPERATIONS)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, followed to where it is written."""
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def shows_an_example(schema: dict[str, Any]) -> bool:
    """Whether a schema, or a field in it at any depth, has an example."""
    schema = resolve(schema)
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    parts += [schema["items"]] if "items" in schema else []
    return bool(schema.get("examples")) or any(map(shows_an_example, parts))


def has_example(media_type: str, content: dict[str, Any]) -> bool:
    """Whether a reader can see how an answer looks; files look like themselves."""
    if media_type not in ("application/json", "text/event-stream"):
        return True
    return "example" in content or "examples" in content or shows_an_example(content.get("schema", {}))


@each_operation
def test_an_operation_says_what_it_does(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]


@each_operation
def test_an_operation_shows_an_answer(name: str) -> None:
    answers = {status: answer for status, answer in OPERATIONS[name]["responses"].items() if status.startswith("2")}
    assert answers
    for answer in answers.values():
        assert answer["content"]
        assert all(has_example(media_type, content) for media_type, content in answer["content"].items())


@each_operation
def test_an_error_has_a_shape_and_a_reason(name: str) -> None:
    errors = {status: answer for status, answer in OPERATIONS[name]["responses"].items() if status[0] in "45"}
    for error in errors.values():
        assert error["description"]
        assert error["content"].keys() <= ERROR_CONTENT
        assert all(resolve(content["schema"])["properties"] for content in error["content"].values())


@each_operation
def test_who_needs_a_key_is_told(name: str) -> None:
    assert ("401" in OPERATIONS[name]["responses"]) == (name not in OPEN_TO_ALL)


@each_operation
def test_a_request_that_is_named_may_be_unknown(name: str) -> None:
    if "{" in name:
        assert "404" in OPERATIONS[name]["responses"]


def references(part: Any) -> Iterator[str]:
    """Every reference in a part of the document."""
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref")
        yield from (found for value in part.values() for found in references(value))
    elif isinstance(part, list):
        yield from (found for value in part for found in references(value))


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert known
    assert set(references(DOCUMENT)) <= known


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)
