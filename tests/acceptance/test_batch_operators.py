"""The batches door: one action on many batches, the pages' buttons, and what operators do."""

import httpx
import pytest

from deploy.local.stack import Stack
from tests.batch_builders import batch_csv, refused, run_batch, told
from tests.batch_steering import done, missing_photos, pending_batch, progress, start_slow_batch, until_status
from tests.builders import UNKNOWN_ID, Site
from tests.invariants import ask
from tests.odd_bodies import HOSTILE_IDS, NO_OBJECTS


async def test_an_action_on_many_batches_is_told_of_each(client: httpx.AsyncClient, site: Site) -> None:
    first, second = [await start_slow_batch(client, site, 400) for _ in range(2)]
    ids = [first, second, UNKNOWN_ID, "17", first]
    answer = await client.post("/batch/bulk/pause", json={"batch_ids": ids})
    assert answer.status_code == 200
    body = answer.json()
    assert [(result["batch_id"], result["success"]) for result in body["results"]] == [
        (first, True), (second, True), (UNKNOWN_ID, False), ("17", False),
    ]  # fmt: skip
    assert body["results"][3]["error"] == "Batch 17 not found"
    assert body["summary"] == "2/4 batches paused"
    for action, number in (("resume", 2), ("cancel", 2), ("cancel", 0), ("retry", 2), ("cancel", 2), ("delete", 2)):
        answer = await client.post(f"/batch/bulk/{action}", json={"batch_ids": [first, second]})
        assert answer.json()["summary"].startswith(f"{number}/2 batches "), answer.text


@pytest.mark.parametrize(
    "body", [{}, {"batch_ids": None}, {"batch_ids": []}, {"batch_ids": "a"}, {"batch_ids": [1]}, {"batch_ids": [None]}]
)
async def test_a_list_of_the_wrong_shape_names_the_field(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert "batch_ids" in refused(await client.post("/batch/bulk/cancel", json=body), 400)


async def test_too_many_batches_and_unknown_actions_are_refused(client: httpx.AsyncClient) -> None:
    many = {"batch_ids": [f"{number}" for number in range(101)]}
    assert "at most 100" in refused(await client.post("/batch/bulk/cancel", json=many), 400)
    said = refused(await client.post("/batch/bulk/explode", json={"batch_ids": ["a"]}), 400)
    assert said == "Unknown action: explode"


@pytest.mark.parametrize("body", NO_OBJECTS.values(), ids=list(NO_OBJECTS))
@pytest.mark.parametrize("path", ["/batch/bulk/cancel", "/admin/queue/cleanup"])
async def test_no_body_makes_these_fail(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await client.post(path, content=body)
    assert answer.status_code in ((200, 400) if path.startswith("/admin") else (400,)), answer.text
    assert answer.json()["timestamp"].endswith("Z")


async def test_ids_that_are_no_text_are_told_as_unknown(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/batch/bulk/cancel", content=b'{"batch_ids": ["a\\u0000b", "\\ud800", "' + b"x" * 5000 + b'"]}'
    )
    assert answer.status_code == 200
    assert [result["success"] for result in answer.json()["results"]] == [False] * 3


@pytest.mark.parametrize("batch_id", [each for each in HOSTILE_IDS if "%2f" not in each])
async def test_hostile_ids_are_unknown_to_operators_too(client: httpx.AsyncClient, batch_id: str) -> None:
    for method, path in (
        ("POST", f"/admin/batch/{batch_id}/reset"),
        ("POST", f"/admin/batch/{batch_id}/pause"),
        ("POST", f"/admin/job/{batch_id}/retry"),
        ("DELETE", f"/admin/job/{batch_id}"),
        ("POST", f"/batch/cancel/{batch_id}"),
    ):
        assert "not found" in refused(await client.request(method, path), 404)


async def test_the_buttons_of_the_pages_work(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await start_slow_batch(client, site, 100)
    for action in ("pause", "resume", "cancel"):
        answer = await client.post(f"/batch/{action}/{batch_id}")
        assert (answer.status_code, answer.json()["success"]) == (200, True), answer.text
    answer = await client.post(f"/batch/retry/{batch_id}")
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert (data["id"], data["status"], data["previous_status"]) == (batch_id, "retry_enqueued", "cancelled")
    assert (await until_status(client, batch_id, "completed"))["successful_count"] == 100
    refused(await client.post(f"/batch/retry/{batch_id}"), 400)
    refused(await client.post(f"/batch/explode/{batch_id}"), 400)


async def test_operators_steer_batches_and_their_chunks(client: httpx.AsyncClient, site: Site) -> None:
    batch_id = await pending_batch(client, [*site.photos(3), *missing_photos(site, 1)])
    for action in ("start", "pause", "resume"):
        answer = await client.post(f"/admin/batch/{batch_id}/{action}")
        assert answer.status_code in (200, 400), answer.text
    await until_status(client, batch_id, "completed")
    (chunk,) = (await told(client, f"/batches/{batch_id}/chunks"))["chunks"]
    for part_id in (chunk["chunk_id"], batch_id):
        answer = await client.post(f"/admin/job/{part_id}/retry")
        assert answer.json()["data"]["batch_id"] == batch_id
        await until_status(client, batch_id, "completed")
    running = await start_slow_batch(client, site, 100)
    answer = await client.delete(f"/admin/job/{running}")
    assert answer.json()["data"]["status"] == "cancelled"
    assert (await progress(client, running))["status"] == "cancelled"


async def test_a_cleanup_leaves_alone_what_lives_and_tells_what_it_did(
    client: httpx.AsyncClient, stack: Stack, site: Site
) -> None:
    live = await start_slow_batch(client, site, 100)
    answer = await client.post("/admin/queue/cleanup", json={"max_age_hours": 1})
    data = answer.json()["data"]
    assert data["db_reset_count"] == 0
    assert data["kept_count"] >= 1
    assert (data["cutoff_hours"], data["clean_database"]) == (1, True)
    other_types = {"job_types": ["something"], "max_age_hours": 0}
    answer = await client.post("/admin/queue/cleanup", json=other_types)
    assert answer.json()["data"]["db_reset_count"] == 0
    assert (await until_status(client, live, "completed"))["successful_count"] == 100
    note = f"SELECT note FROM batches WHERE job_id = '{live}'"
    assert await ask(stack.urls.postgres["gateway"], note) == [{"note": None}]


@pytest.mark.parametrize(
    "body", [{"max_age_hours": -1}, {"max_age_hours": "1"}, {"job_types": "a"}, {"clean_database": 1}], ids=str
)
async def test_a_cleanup_of_the_wrong_shape_names_the_field(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    assert next(iter(body)) in refused(await client.post("/admin/queue/cleanup", json=body), 400)


async def test_who_has_no_key_of_an_operator_may_not(client: httpx.AsyncClient, site: Site) -> None:
    whole = await run_batch(client, batch_csv(site.photos(1)))
    answer = await client.post(f"/admin/batch/{whole}/reset", headers={"X-API-Key": "dk_wrong_key"})
    assert answer.status_code == 401
    assert (await done(client, whole, "force-start", {"skip_validation": True}))["success"] is True
