"""One account's ids are nothing to another: a matrix of every operation that takes an id, as the gateway lists them."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from tests.album_builders import Album, Json, album_of, batch_of, enhance, picture, said, until_all_ended
from tests.album_callers import Callers
from tests.batch_builders import batch_csv, run_batch, told
from tests.builders import Hooks, Site, images_of, product_csv, run
from tests.operations import FORMS, JSON, Operation, Slot, operations_of
from tests.whose_ids import ACTION, FIELD_KINDS, FIELDS, FILES, FORBIDDEN, NOT_OURS, PATH_KINDS

CHANGES_BY_ITSELF = re.compile(
    r'"(?:timeUntilNextRegenMs|tokensAddedThisRequest|age_hours)":[\d.]+|"timestamp":"[^"]*"'
    r'|"(?:total_exports|exports_today|average_export_size_mb)":[\d.]+|"popular_formats":{[^}]*}|Export Date: .*',
)

Ids = dict[str, tuple[str, ...]]
"""Ids by their kind."""


@dataclass(frozen=True)
class Owner:
    """An account that has one of everything."""

    client: httpx.AsyncClient
    ids: Ids


async def owner_of_everything(callers: Callers, site: Site, hooks: Hooks) -> Owner:
    """An album with images, enhanced; a request with an output image and a webhook; a batch; a key."""
    client = await callers.new(tokens=20)
    album = await album_of(client, [picture(), picture()])
    batch_id = batch_of(await enhance(client, album))
    jobs = await until_all_ended(client, batch_id)
    request_id = await run(client, product_csv([[site.photo()]]), webhook_url=hooks.target())
    await hooks.until_received(1)
    images_batch = await run_batch(client, batch_csv([site.photo()]))
    account_id = client.account_id
    keys = (await callers.operator.get(f"/api/admin/accounts/{account_id}/keys")).text
    ids = {
        "album": (album.album_id,),
        "image": album.image_ids[:1],
        "job": (jobs[0]["id"], batch_id),
        "request": (request_id,),
        "batch": (images_batch,),
        "result": ((await told(client, f"/batch/{images_batch}"))["recent_results"][0]["result_id"],),
        "export": (await export_of(client, images_batch),),
        "file": ((await images_of(client, request_id))[0]["output_url"].rpartition("/")[2],),
        "account": (account_id,),
        "key": tuple(re.findall(r'"key_id":\s*"([0-9a-f-]{36})"', keys))[:1],
    }
    assert all(ids.values()), ids
    return Owner(client, ids)


async def export_of(client: httpx.AsyncClient, batch_id: str) -> str:
    """The id of a file of a batch's results."""
    answer = await client.get(f"/api/v1/export/batch/{batch_id}")
    assert answer.status_code == 200, answer.text
    return str(answer.headers["content-location"].rpartition("/")[2])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(callers: Callers, site: Site, receiver: str) -> Owner:
    """Account A."""
    return await owner_of_everything(callers, site, Hooks(receiver, f"/hook/{uuid4().hex}"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other(callers: Callers, site: Site, receiver: str) -> Owner:
    """Account B."""
    return await owner_of_everything(callers, site, Hooks(receiver, f"/hook/{uuid4().hex}"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operations(callers: Callers) -> list[Operation]:
    """Every operation of the gateway, without the slots whose ids lead to nothing."""
    found = await operations_of(callers.operator)
    assert list(what_to_add(found)) == []
    return [without_foreign_ids(operation) for operation in found]


def without_foreign_ids(operation: Operation) -> Operation:
    """An operation without the slots whose ids lead to nothing."""
    return replace(operation, slots=tuple(slot for slot in operation.slots if slot.name not in NOT_OURS))


def kind_of(slot: Slot) -> str:
    """What kind of id a slot takes; empty when the tables above do not tell."""
    return (PATH_KINDS if slot.place == "path" else FIELD_KINDS).get(slot.name, "")


def what_to_add(operations: list[Operation]) -> Iterator[str]:
    """A sentence for everything that the tables above do not know yet."""
    for operation in map(without_foreign_ids, operations):
        for slot in operation.slots:
            if not kind_of(slot):
                table = "PATH_KINDS" if slot.place == "path" else "FIELD_KINDS (or NOT_OURS)"
                yield f"{operation.name}: say in {table} which kind of id {slot.name!r} in its {slot.place} stands for"
        known = {slot.name for slot in operation.slots} | FIELDS.get(operation.name, {}).keys() | NOT_OURS
        known |= {FILES.get(operation.name, "")}
        if operation.slots and operation.required - known:
            yield f"{operation.name}: give {sorted(operation.required - known)} in FIELDS (or FILES)"
    named = {operation.name for operation in operations}
    yield from (f"{name} is no operation: remove it" for name in sorted({*FORBIDDEN, *FIELDS, *FILES} - named))


def unknown_like(known: str) -> str:
    """An id of the same form that nobody has."""
    try:
        UUID(known)
        return str(uuid4())
    except ValueError:
        return re.sub(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{12}$", lambda found: fresh(found[0]), known, count=1
        )


def fresh(text: str) -> str:
    """As many other hexadecimal digits."""
    return str(uuid4()) if "-" in text else uuid4().hex[: len(text)]


async def call(client: httpx.AsyncClient, operation: Operation, own: Ids, slot: Slot, value: str) -> httpx.Response:
    """Call an operation with `value` in one slot and the caller's own ids in the others."""
    path, query, body = operation.path, {}, dict(FIELDS.get(operation.name, {}))
    for each in operation.slots:
        filled = value if each == slot else ACTION if kind_of(each) == "action" else own[kind_of(each)][0]
        if each.place == "path":
            path = path.replace("{}", filled, 1)
        elif each.place == "query":
            query[each.name] = filled
        else:
            body[each.name] = [filled] if each.is_list else filled
    return await client.request(operation.method, path, params=query, **sent(operation, body))


def sent(operation: Operation, body: Json) -> dict[str, Any]:
    """A body as the operation takes it."""
    if operation.name in FILES:
        return {"data": body, "files": {FILES[operation.name]: ("a.jpg", picture(), "image/jpeg")}}
    if operation.media_type in FORMS:
        return {"data": body}
    return {"json": body} if body else {}


async def differences(client: httpx.AsyncClient, operations: list[Operation], owner: Owner, own: Ids) -> list[str]:
    """A line for every answer that tells the owner's ids from those that nobody has."""
    found: list[str] = []
    has_key = "X-API-Key" in client.headers
    for operation in operations:
        for slot in operation.slots if has_key or not operation.is_operators else ():
            for real in owner.ids.get(kind_of(slot), ()):
                unknown = unknown_like(real)
                assert unknown != real
                seen = [await seen_of(client, operation, own, slot, each) for each in (real, unknown)]
                if not is_right(operation, slot, has_key, *seen):
                    found.append(f"{operation.name}, {slot.name} = {real}: {seen[0]}, but for an unknown one {seen[1]}")
    return found


Seen = tuple[int, str]


async def seen_of(client: httpx.AsyncClient, operation: Operation, own: Ids, slot: Slot, value: str) -> Seen:
    """Status and body of an answer, whatever the id was."""
    answer = await call(client, operation, own, slot, value)
    return answer.status_code, CHANGES_BY_ITSELF.sub("", text_of(answer).replace(value, "<id>"))


def text_of(answer: httpx.Response) -> str:
    """A body as text; of an archive the names and texts in it."""
    if answer.headers.get("content-type") != "application/zip":
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return "\n".join(f"{name}: {archive.read(name).decode()}" for name in sorted(archive.namelist()))


def is_right(operation: Operation, slot: Slot, has_key: bool, real: tuple[int, str], unknown: tuple[int, str]) -> bool:
    """Whether two answers may be as they are; a status other than 404 would show nothing about a path."""
    if has_key and slot.place == "path" and operation.name in FORBIDDEN:
        return real == (403, '{"error":"Forbidden"}') and unknown[0] == 404
    if slot.place != "path":
        return real == unknown and real[0] in (200, 400, 401, 403, 404)
    refused = 403 if (operation.is_admins or operation.is_operators) and has_key else 404
    return real == unknown and real[0] in ((refused,) if has_key else (401, 404))


def is_view(operation: Operation) -> bool:
    """Whether an operation shows what an account has."""
    is_health = operation.path in ("/", "/health", "/api/v1/health")
    return operation.method == "GET" and not (operation.is_admins or operation.is_operators or is_health)


def paths_of(operation: Operation, owner: Owner) -> list[str]:
    """An operation's path with each of the owner's ids in the place that takes one."""
    if not operation.slots:
        return [operation.path]
    slot = operation.slots[0]
    query = f"?{slot.name}=" if slot.place == "query" else ""
    return [operation.path.replace("{}", real) + (query and query + real) for real in owner.ids[kind_of(slot)]]


async def views_of(owner: Owner, operations: list[Operation]) -> dict[str, Seen]:
    """All that the owner can read, without what changes by itself."""
    found = {}
    for operation in filter(is_view, operations):
        for path in paths_of(operation, owner):
            answer = await owner.client.get(path)
            found[path] = (answer.status_code, CHANGES_BY_ITSELF.sub("", answer.text))
    return found


def test_an_operation_that_is_new_here_is_asked_for() -> None:
    path, body = Slot("path", "/api/things/"), Slot("body", "thingId")
    new = Operation(
        "POST", "/api/things/{}", JSON, ("thingId", "colour"), frozenset({"thingId", "colour"}), (path, body)
    )
    asked = [sentence for sentence in what_to_add([new]) if sentence.startswith("POST /api/things/{}")]
    assert len(asked) == 3
    assert "PATH_KINDS" in asked[0]
    assert "FIELD_KINDS" in asked[1]
    assert "colour" in asked[2]


async def test_the_owner_can_read_everything_by_these_ids(owner: Owner, operations: list[Operation]) -> None:
    views = await views_of(owner, operations)
    for operation in filter(is_view, operations):
        if operation.slots:
            assert min(views[path][0] for path in paths_of(operation, owner)) == 200, operation.name


async def test_another_account_cannot_tell_what_exists(owner: Owner, other: Owner, operations: list[Operation]) -> None:
    before = await views_of(owner, operations)
    assert await differences(other.client, operations, owner, other.ids) == []
    assert await views_of(owner, operations) == before


async def test_nobody_without_a_key_can_either(
    callers: Callers, owner: Owner, other: Owner, operations: list[Operation]
) -> None:
    before = await views_of(owner, operations)
    assert await differences(await callers.without_key(), operations, owner, other.ids) == []
    assert await views_of(owner, operations) == before


async def test_no_list_of_anothers_names_what_is_the_owners(
    owner: Owner, other: Owner, operations: list[Operation]
) -> None:
    lists = [operation.path for operation in operations if is_view(operation) and not operation.slots]
    assert lists
    for path in lists:
        text = (await other.client.get(path)).text
        assert [each for ids in owner.ids.values() for each in ids if each in text] == [], path


async def test_an_idempotency_key_is_its_accounts_own(owner: Owner, other: Owner) -> None:
    headers, body = {"Idempotency-Key": uuid4().hex}, {"name": f"Both have it {uuid4().hex}"}
    made = [
        (await said(await each.client.post("/api/albums", json=body, headers=headers)))["album"]["id"]
        for each in (owner, other)
    ]
    assert made[0] != made[1]
    assert (await other.client.get(f"/api/albums/{made[0]}")).status_code == 404


async def test_anothers_public_album_can_be_read_and_not_written(owner: Owner, other: Owner) -> None:
    fields = {"name": f"For all {uuid4().hex}", "privacy": "PUBLIC"}
    album_id = (await said(await owner.client.post("/api/albums", json=fields)))["album"]["id"]
    album = Album(album_id, ())
    view = (await said(await other.client.get(f"/api/albums/{album.album_id}")))["album"]
    assert (view["isOwner"], view.get("shareToken")) == (False, None)
    for method in ("PATCH", "DELETE"):
        answer = await other.client.request(method, f"/api/albums/{album_id}", json={"name": "Taken over"})
        assert (answer.status_code, answer.json()) == (403, {"error": "Forbidden"})
    assert (await said(await owner.client.get(f"/api/albums/{album_id}")))["album"]["name"] == fields["name"]
