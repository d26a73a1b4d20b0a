"""What a gateway's OpenAPI document says of its operations: paths, bodies, and which of their fields are ids."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import httpx

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
ALBUMS_DOOR = ("/api/albums", "/api/images", "/api/jobs", "/api/tokens")
JSON = "application/json"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
IS_AN_ID = re.compile(r"id|\w+(?:Id|Ids|Order|_id|_ids)")
PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Slot:
    """A place for an id. `name`: the path up to the parameter, or a field's name."""

    place: Literal["path", "query", "body"]
    name: str
    is_list: bool = False


@dataclass(frozen=True)
class Operation:
    """One method of one path; parameters are written `{}` whatever their names are."""

    method: str
    path: str
    media_type: str = ""
    fields: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    slots: tuple[Slot, ...] = ()

    @property
    def name(self) -> str:
        """E.g. `GET /api/albums/{}`."""
        return f"{self.method} {self.path}"

    @property
    def is_albums(self) -> bool:
        """Whether it belongs to the albums door."""
        return self.path.startswith(ALBUMS_DOOR)

    @property
    def is_operators(self) -> bool:
        """Whether it is for operators: admin keys, and the account `local` where it needs none."""
        return self.path.startswith("/admin/")

    @property
    def is_admins(self) -> bool:
        """Whether it is for admin keys only."""
        return self.path.startswith(("/api/admin", "/api/ledger"))


async def operations_of(client: httpx.AsyncClient) -> list[Operation]:
    """Every operation of the gateway that runs."""
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200, answer.text
    return list(read_operations(answer.json()))


def read_operations(document: Json) -> Iterator[Operation]:
    """Every operation of a document."""
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            if method in METHODS:
                yield _operation(document, method.upper(), path, described)


def _operation(document: Json, method: str, path: str, described: Json) -> Operation:
    content = described.get("requestBody", {}).get("content", {})
    media_type = next((each for each in (JSON, *FORMS) if each in content), "")
    schema = _resolved(document, content[media_type].get("schema", {})) if media_type else {}
    bare = PARAMETER.sub("{}", path)
    queried = [each for each in described.get("parameters", []) if each["in"] == "query" and _is_id(each["name"])]
    slots = (
        *(Slot("path", PARAMETER.sub("{}", path[: found.start()])) for found in PARAMETER.finditer(path)),
        *(Slot("query", each["name"]) for each in queried),
        *_body_slots(document, schema),
    )
    fields, required = tuple(schema.get("properties", {})), frozenset(schema.get("required", []))
    return Operation(method, bare, media_type, fields, required, slots)


def _body_slots(document: Json, schema: Json) -> Iterator[Slot]:
    for name, described in schema.get("properties", {}).items():
        if _is_id(name):
            variants = [_resolved(document, each) for each in described.get("anyOf", [described])]
            yield Slot("body", name, any(each.get("type") == "array" for each in variants))


def _is_id(name: str) -> bool:
    return IS_AN_ID.fullmatch(name) is not None


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
