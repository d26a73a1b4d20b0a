"""Albums: made, listed, shared, changed and deleted by their owners, and by nobody else."""

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.album_uploads import album_of, body_of, image_ids_of, make_album, refusal, upload_images
from tests.builders import UNKNOWN_ID
from tests.callers import Caller

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SHARE_TOKEN = re.compile(r"[A-Za-z0-9_-]{12}")
NOT_FOUND = (404, "Album not found")
FORBIDDEN = (403, "Forbidden")


async def test_an_album_is_made_private_unless_its_owner_says_otherwise(alice: Caller) -> None:
    answer = await alice.post("/api/albums", json={"name": "  Holidays \u00e9 ", "description": " by the sea "})
    album = body_of(answer)["album"]
    assert set(album) == {"id", "name", "description", "privacy", "shareToken", "createdAt"}
    assert (album["name"], album["description"]) == ("Holidays \u00e9", "by the sea")
    assert (album["privacy"], album["shareToken"]) == ("PRIVATE", None)
    assert TIME.fullmatch(album["createdAt"])
    found = await album_of(alice, album["id"])
    assert found == {
        "id": album["id"],
        "name": "Holidays \u00e9",
        "description": "by the sea",
        "privacy": "PRIVATE",
        "coverImageId": None,
        "shareToken": None,
        "pipelineId": None,
        "defaultTier": "TIER_1K",
        "pipeline": None,
        "imageCount": 0,
        "isOwner": True,
        "images": [],
        "createdAt": album["createdAt"],
        "updatedAt": album["createdAt"],
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Album name is required"),
        ({"name": ""}, "Album name is required"),
        ({"name": " \t\n"}, "Album name is required"),
        ({"name": None}, "Album name is required"),
        ({"name": 17}, "Album name is required"),
        ({"name": ["a"]}, "Album name is required"),
        ({"name": "x" * 101}, "Album name must be 100 characters or less"),
        ({"name": "a\0b"}, "Album name contains characters that cannot be kept"),
        ({"name": "a\ud800b"}, "Album name contains characters that cannot be kept"),
        ({"name": "a", "description": 1}, "Album description must be text"),
        ({"name": "a", "description": "x" * 2001}, "Album description must be 2000 characters or less"),
        ({"name": "a", "description": "\udfff"}, "Album description contains characters that cannot be kept"),
        ({"name": "a", "privacy": "public"}, "Invalid privacy setting"),
        ({"name": "a", "privacy": None}, "Invalid privacy setting"),
        ({"name": "a", "privacy": {"a": 1}}, "Invalid privacy setting"),
        ({"name": "a", "defaultTier": "TIER_8K"}, "Invalid default tier"),
        ({"name": "a", "defaultTier": 1}, "Invalid default tier"),
    ],
)
async def test_an_album_that_makes_no_sense_is_refused(alice: Caller, body: Any, message: str) -> None:
    assert refusal(await alice.post("/api/albums", content=json.dumps(body))) == (400, message)
    assert body_of(await alice.get("/api/albums")) == {"albums": []}


@pytest.mark.parametrize(
    "content", [b"not json", b"{", b"[]", b"null", b'"a"', b"NaN", b'{"name": NaN}', b"\xff\xfe{\0}\0", b"[" * 90_000]
)
async def test_a_body_that_is_no_object_is_refused(alice: Caller, content: bytes) -> None:
    album_id = await make_album(alice)
    for method, path in (("POST", "/api/albums"), ("PATCH", f"/api/albums/{album_id}")):
        answer = await alice.request(method, path, content=content, headers={"Content-Type": "application/json"})
        assert refusal(answer)[0] == 400


async def test_a_body_of_json_has_an_end(alice: Caller) -> None:
    answer = await alice.post("/api/albums", content=b'{"name": "' + b"x" * 2_000_000 + b'"}')
    assert refusal(answer) == (413, "The upload is larger than 1 MB")


async def test_names_are_taken_once_for_each_privacy(alice: Caller, bob: Caller) -> None:
    taken = (409, "An album with this name already exists")
    await make_album(alice, name="Holidays")
    assert refusal(await alice.post("/api/albums", json={"name": " Holidays "})) == taken
    public = await make_album(alice, name="Holidays", privacy="PUBLIC")
    await make_album(bob, name="Holidays")
    assert refusal(await alice.patch(f"/api/albums/{public}", json={"privacy": "PRIVATE"})) == taken
    other = await make_album(alice)
    assert refusal(await alice.patch(f"/api/albums/{other}", json={"name": "Holidays"})) == taken
    assert (await album_of(alice, public))["privacy"] == "PUBLIC"


async def test_of_parallel_albums_of_one_name_one_is_made(alice: Caller) -> None:
    answers = await asyncio.gather(*[alice.post("/api/albums", json={"name": "Holidays"}) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert len(body_of(await alice.get("/api/albums"))["albums"]) == 1


async def test_the_list_shows_ones_own_albums_in_their_order(alice: Caller, bob: Caller) -> None:
    image_ids = await upload_images(alice, 5)
    first, second = await make_album(alice, image_ids, name="First"), await make_album(alice, name="Second")
    await make_album(bob)
    listed = body_of(await alice.get("/api/albums"))["albums"]
    assert [(album["id"], album["name"], album["imageCount"]) for album in listed] == [
        (first, "First", 5),
        (second, "Second", 0),
    ]
    assert set(listed[0]) == {
        *("id", "name", "description", "privacy", "coverImageId"),
        *("imageCount", "previewImages", "createdAt", "updatedAt"),
    }
    previews = listed[0]["previewImages"]
    assert [preview["id"] for preview in previews] == image_ids[:4]
    assert previews[0]["name"] == "picture-0.jpg"
    assert (await alice.get(previews[0]["url"])).headers["content-type"] == "image/jpeg"
    assert listed[1]["previewImages"] == []


@pytest.mark.parametrize("privacy", ["UNLISTED", "PUBLIC"])
async def test_a_shared_album_is_open_to_all(
    alice: Caller, bob: Caller, nobody: httpx.AsyncClient, privacy: str
) -> None:
    image_ids = await upload_images(alice, 2)
    made = body_of(await alice.post("/api/albums", json={"name": "Shared", "privacy": privacy}))["album"]
    assert SHARE_TOKEN.fullmatch(made["shareToken"])
    await alice.post(f"/api/albums/{made['id']}/images", json={"imageIds": image_ids})
    assert (await album_of(alice, made["id"]))["shareToken"] == made["shareToken"]
    for visitor in (bob, nobody):
        seen = await album_of(visitor, made["id"])
        assert (seen["isOwner"], "shareToken" in seen) == (False, False)
        assert [image["id"] for image in seen["images"]] == image_ids
        assert (await visitor.get(seen["images"][0]["originalUrl"])).status_code == 200
    assert body_of(await bob.get("/api/albums")) == {"albums": []}


async def test_a_private_album_is_there_for_its_owner_alone(
    alice: Caller, bob: Caller, nobody: httpx.AsyncClient
) -> None:
    (image_id,) = await upload_images(alice, 1)
    album_id = await make_album(alice, [image_id], privacy="PUBLIC")
    original = f"/api/images/{image_id}/original"
    assert (await nobody.get(original)).status_code == 200
    await alice.patch(f"/api/albums/{album_id}", json={"privacy": "PRIVATE"})
    for visitor in (bob, nobody):
        assert refusal(await visitor.get(f"/api/albums/{album_id}")) == NOT_FOUND
        assert refusal(await visitor.get(original)) == (404, "Image not found")


async def test_a_wrong_key_is_refused_where_none_is_needed(alice: Caller, nobody: httpx.AsyncClient) -> None:
    album_id = await make_album(alice, privacy="PUBLIC")
    answer = await nobody.get(f"/api/albums/{album_id}", headers={"X-API-Key": "dk_wrong"})
    assert refusal(answer) == (401, "Unauthorized")


async def test_everything_else_needs_a_key(alice: Caller, nobody: httpx.AsyncClient) -> None:
    album_id = await make_album(alice)
    for method, path in (
        ("GET", "/api/albums"),
        ("POST", "/api/albums"),
        ("PATCH", f"/api/albums/{album_id}"),
        ("DELETE", f"/api/albums/{album_id}"),
        ("POST", f"/api/albums/{album_id}/images"),
        ("PATCH", f"/api/albums/{album_id}/images"),
        ("DELETE", f"/api/albums/{album_id}/images"),
    ):
        assert refusal(await nobody.request(method, path)) == (401, "Unauthorized")


async def test_what_is_changed_is_what_is_named(alice: Caller) -> None:
    album_id = await make_album(alice, name="Before", description="kept")
    answer = await alice.patch(f"/api/albums/{album_id}", json={"name": " After ", "defaultTier": "TIER_4K"})
    changed = body_of(answer)["album"]
    assert set(changed) == {
        *("id", "name", "description", "privacy", "coverImageId"),
        *("shareToken", "pipelineId", "defaultTier", "updatedAt"),
    }
    assert (changed["name"], changed["description"], changed["defaultTier"]) == ("After", "kept", "TIER_4K")
    assert changed["updatedAt"] > (await album_of(alice, album_id))["createdAt"]
    for fields in ({"description": None, "pipelineId": "mine"}, {"pipelineId": None, "description": "  "}):
        changed = body_of(await alice.patch(f"/api/albums/{album_id}", json=fields))["album"]
        assert (changed["description"], changed["pipelineId"]) == (None, fields["pipelineId"])
    unchanged = body_of(await alice.patch(f"/api/albums/{album_id}"))["album"]
    assert unchanged["name"] == "After"


async def test_the_share_token_lives_as_long_as_the_album_is_shared(alice: Caller) -> None:
    album_id = await make_album(alice)
    tokens = []
    for privacy in ("UNLISTED", "PUBLIC", "PRIVATE", "PUBLIC"):
        changed = body_of(await alice.patch(f"/api/albums/{album_id}", json={"privacy": privacy}))["album"]
        assert changed["privacy"] == privacy
        tokens.append(changed["shareToken"])
    assert tokens[0] == tokens[1] != tokens[3]
    assert tokens[2] is None
    assert all(SHARE_TOKEN.fullmatch(token) for token in (tokens[0], tokens[3]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": " "}, "Album name is required"),
        ({"name": None}, "Album name is required"),
        ({"name": "x" * 101}, "Album name must be 100 characters or less"),
        ({"privacy": "OPEN"}, "Invalid privacy setting"),
        ({"defaultTier": "TIER_8K"}, "Invalid tier"),
        ({"defaultTier": None}, "Invalid tier"),
        ({"pipelineId": 5}, "Pipeline must be text"),
        ({"coverImageId": str(uuid4())}, "Cover image must be in the album"),
        ({"coverImageId": "nothing"}, "Cover image must be in the album"),
        ({"coverImageId": 5}, "Cover image must be in the album"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(alice: Caller, body: Any, message: str) -> None:
    album_id = await make_album(alice)
    before = await album_of(alice, album_id)
    assert refusal(await alice.patch(f"/api/albums/{album_id}", json={"description": "x", **body})) == (400, message)
    assert await album_of(alice, album_id) == before


async def test_the_cover_is_an_image_of_the_album(alice: Caller, bob: Caller) -> None:
    inside, outside = await upload_images(alice, 2)
    (foreign,) = await upload_images(bob, 1)
    album_id = await make_album(alice, [inside])
    path = f"/api/albums/{album_id}"
    for image_id in (outside, foreign):
        assert refusal(await alice.patch(path, json={"coverImageId": image_id}))[0] == 400
    assert body_of(await alice.patch(path, json={"coverImageId": inside}))["album"]["coverImageId"] == inside
    assert body_of(await alice.patch(path, json={"name": "Renamed"}))["album"]["coverImageId"] == inside
    assert body_of(await alice.get("/api/albums"))["albums"][0]["coverImageId"] == inside
    assert body_of(await alice.patch(path, json={"coverImageId": None}))["album"]["coverImageId"] is None
    await alice.patch(path, json={"coverImageId": inside})
    await alice.delete(f"/api/images/{inside}")
    assert (await album_of(alice, album_id))["coverImageId"] is None


async def test_an_album_is_deleted_and_its_images_stay(alice: Caller) -> None:
    image_ids = await upload_images(alice, 2)
    album_id, other = await make_album(alice, image_ids), await make_album(alice, image_ids)
    assert body_of(await alice.delete(f"/api/albums/{album_id}")) == {"success": True}
    assert refusal(await alice.get(f"/api/albums/{album_id}")) == NOT_FOUND
    assert refusal(await alice.delete(f"/api/albums/{album_id}")) == NOT_FOUND
    assert (await alice.get(f"/api/images/{image_ids[0]}")).status_code == 200
    assert await image_ids_of(alice, other) == image_ids


async def test_anothers_album_cannot_be_changed(alice: Caller, bob: Caller) -> None:
    image_ids = await upload_images(alice, 1)
    (own,) = await upload_images(bob, 1)
    for privacy in ("PRIVATE", "PUBLIC"):
        album_id = await make_album(alice, image_ids, privacy=privacy)
        before = await album_of(alice, album_id)
        path = f"/api/albums/{album_id}"
        for method, target, body in (
            ("PATCH", path, {"name": "Taken over"}),
            ("DELETE", path, {}),
            ("POST", f"{path}/images", {"imageIds": [own]}),
            ("DELETE", f"{path}/images", {"imageIds": image_ids}),
            ("PATCH", f"{path}/images", {"imageOrder": image_ids}),
        ):
            assert refusal(await bob.request(method, target, json=body)) == FORBIDDEN
        assert await album_of(alice, album_id) == before


@pytest.mark.parametrize("album_id", [UNKNOWN_ID, "nothing", "%00", UNKNOWN_ID.replace("-", ""), "a" * 3000])
async def test_an_album_that_is_not_there_is_404_on_every_method(alice: Caller, album_id: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        assert refusal(await alice.request(method, f"/api/albums/{album_id}")) == NOT_FOUND
    for method in ("POST", "PATCH", "DELETE"):
        assert refusal(await alice.request(method, f"/api/albums/{album_id}/images")) == NOT_FOUND


async def test_an_idempotency_key_makes_one_album(alice: Caller) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    body = {"name": "Once", "privacy": "PUBLIC"}
    first, second = [await alice.post("/api/albums", json=body, headers=headers) for _ in range(2)]
    assert body_of(first) == body_of(second)
    assert refusal(await alice.post("/api/albums", json={"name": "Other"}, headers=headers))[0] == 422
    assert len(body_of(await alice.get("/api/albums"))["albums"]) == 1


async def test_a_refused_album_frees_its_idempotency_key(alice: Caller) -> None:
    await make_album(alice, name="Taken")
    headers = {"Idempotency-Key": uuid4().hex}
    assert (await alice.post("/api/albums", json={"name": "Taken"}, headers=headers)).status_code == 409
    assert (await alice.post("/api/albums", json={"name": "Free"}, headers=headers)).status_code == 200
