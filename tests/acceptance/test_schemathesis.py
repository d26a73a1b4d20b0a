"""Every operation of the OpenAPI document, called in ways that nobody thought of, answers as the document says."""

import json
import re
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from docs.generate import FOLDER
from tests.belongings import Belongings, belongings_of_all, real_files
from tests.builders import Site
from tests.stacks import running_stack

DOCUMENT: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
CONFIG = SchemathesisConfig.from_dict({"generation": {"deterministic": True}})
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
EXAMPLES = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Beside as many that schemathesis thinks of itself: limits, wrong types, missing fields, other methods."""

load_all_checks()
CONFORMS = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "unsupported_method",
        "allow_header_conformance",
    ]
)
ADDRESS = re.compile(" at 0x[0-9a-f]+")  # of what stands for nothing, other at every run
REQUESTS_MIN = 2000
ANSWER_SECONDS_MAX = 20
IMPATIENT = {
    "DARKROOM_REQUESTS_PER_HOUR": "0",
    "DARKROOM_ENHANCE_RATE": "0/60",
    "DARKROOM_ENHANCE_IMAGE_RATE": "0/60",
    "DARKROOM_IMAGE_UPLOAD_RATE": "0/60",
    "DARKROOM_VERSIONS_RATE": "0/60",
    "DARKROOM_DOWNLOAD_WAIT_SECONDS": "5",
    "DARKROOM_EXPORT_WAIT_SECONDS": "5",
}
"""No limits on how often one may call, and no long waits for files."""

OPERATORS = ("/api/admin", "/api/ledger", "/admin")
CALLERS = ("account", "account", "account", "nobody", "nobody", "operator")
CALLERS_OF_OPERATORS = ("operator", "operator", "operator", "account", "nobody")


@dataclass
class Called:
    """The system, who calls it, and what was called how often."""

    url: str
    belongings: dict[str, Belongings]
    files: dict[str, tuple[str, bytes, str]]
    session: requests.Session
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def called(origin: str) -> AsyncIterator[Called]:
    """A system of its own, since operators' calls are about everybody's work."""
    site = Site(origin)
    with running_stack(settings=IMPATIENT) as stack, requests.Session() as session:
        session.trust_env = False
        yield Called(stack.urls.gateway, await belongings_of_all(stack, site), real_files(site), session)


@SCHEMA.parametrize()
@EXAMPLES
def test_an_operation_answers_as_the_document_says(case: schemathesis.Case, called: Called) -> None:
    chance = chance_of(case)
    path = case.operation.path
    names = CALLERS_OF_OPERATORS if path.startswith(OPERATORS) else CALLERS
    caller = called.belongings[names[chance % len(names)]]
    if chance % 4:
        name_real_ids(case, caller, chance)
    request = case.as_transport_kwargs(base_url=called.url, headers=caller.headers)
    if chance % 3 and path in called.files:
        put_real_file(request, called.files[path])
    answer = called.session.request(**request, timeout=ANSWER_SECONDS_MAX, allow_redirects=False)
    called.answers[case.operation.label, answer.status_code] += 1
    assert answer.status_code < 500 or (answer.status_code == 503 and "Retry-After" in answer.headers), answer.text
    case.validate_response(answer, checks=CONFORMS)


def chance_of(case: schemathesis.Case) -> int:
    """A number that is the same whenever the case is: who calls, and what of it is made real."""
    said = repr((case.method, case.path_parameters, case.query, case.body))
    return zlib.crc32(ADDRESS.sub("", said).encode(errors="replace"))


def name_real_ids(case: schemathesis.Case, caller: Belongings, chance: int) -> None:
    """Put ids of the caller's into path and body. A stream of something that goes on would never end: not there."""
    answers = case.operation.definition.raw["responses"].get("200", {}).get("content", {})
    if "text/event-stream" not in answers:
        for name in case.path_parameters.keys() & caller.ids.keys():
            case.path_parameters[name] = one_of(caller.ids[name], case.method, chance)
    replace_ids(case.query, caller, case.method, chance)
    if isinstance(case.body, dict):
        case.body = deepcopy(case.body)  # other cases share it
        replace_ids(case.body, caller, case.method, chance)


def replace_ids(said: Any, caller: Belongings, method: str, chance: int) -> None:
    """Put ids of the caller's where a value of such a name stands, at any depth."""
    for name, value in said.items() if isinstance(said, dict) else ():
        ids = caller.ids.get(name)
        if ids is None:
            replace_ids(value, caller, method, chance)
        elif isinstance(value, list):
            said[name] = list(ids)
        elif isinstance(value, str):
            said[name] = one_of(ids, method, chance)


def one_of(ids: tuple[str, ...], method: str, chance: int) -> str:
    """What is deleted is not what the others name."""
    if method == "DELETE" or len(ids) == 1:
        return ids[-1]
    return ids[chance % (len(ids) - 1)]


def put_real_file(request: dict[str, Any], file: tuple[str, bytes, str]) -> None:
    """Replace the made-up files of a form by a real one; the other fields stay."""
    if not isinstance(request.get("data") or {}, dict):
        return
    fields = request.get("data") or {}
    request["data"] = {name: value for name, value in fields.items() if name not in ("file", "files")}
    others = [part for part in request.get("files") or [] if part[0] not in ("file", "files")]
    request["files"] = [*others, ("file", file), ("files", file)]
    request["headers"].pop("Content-Type", None)


def test_the_requests_were_many_and_of_every_kind(called: Called) -> None:
    labels = {label for label, _ in called.answers}
    if labels < {operation.ok().label for operation in SCHEMA.get_all_operations()}:
        pytest.skip("only some operations were called")
    assert called.answers.total() >= REQUESTS_MIN
    assert sum(number for (_, status), number in called.answers.items() if status < 300) >= REQUESTS_MIN / 10
