"""Images of albums: added, ordered, taken out, also by many callers at once."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.album_uploads import album_of, body_of, image_ids_of, make_album, refusal, upload_images
from tests.callers import Caller

NOT_YOURS = (400, "Some images were not found or do not belong to you")
ROUNDS = 12
NOT_IN_ALBUM = (400, "Some images are not in this album")


async def add(client: Caller, album_id: str, *image_ids: str) -> dict[str, Any]:
    """Add images that can be added; the answer."""
    return body_of(await client.post(f"/api/albums/{album_id}/images", json={"imageIds": image_ids}))


async def test_images_are_added_behind_those_that_are_there(alice: Caller) -> None:
    one, two, three, four = await upload_images(alice, 4)
    album_id = await make_album(alice)
    first = await add(alice, album_id, three, one)
    assert (first["success"], first["added"]) == (True, 2)
    again = await add(alice, album_id, four, one, two)
    assert again["added"] == 2
    assert [(result["imageId"], result["success"]) for result in again["results"]] == [
        (four, True),
        (one, False),
        (two, True),
    ]
    assert again["results"][1] == {"imageId": one, "success": False, "reason": "already_in_album"}
    places = {result["albumImageId"] for result in first["results"] + again["results"] if result["success"]}
    assert len(places) == 4
    images = (await album_of(alice, album_id))["images"]
    assert [(image["id"], image["sortOrder"]) for image in images] == [(three, 0), (one, 1), (four, 2), (two, 3)]


async def test_an_image_of_an_album_tells_about_itself(alice: Caller) -> None:
    (image_id,) = await upload_images(alice, 1)
    (image,) = (await album_of(alice, await make_album(alice, [image_id])))["images"]
    url = f"{image['originalUrl'].partition('/api/')[0]}/api/images/{image_id}/original"
    assert {name: image[name] for name in image if name != "createdAt"} == {
        "id": image_id,
        "name": "picture-0.jpg",
        "description": None,
        "originalUrl": url,
        "width": 64,
        "height": 48,
        "sortOrder": 0,
    }


@pytest.mark.parametrize(
    "body",
    [{}, {"imageIds": []}, {"imageIds": None}, {"imageIds": "a"}, {"imageIds": {"a": 1}}, {"imageIds": [1]}]
    + [{"imageIds": [None]}, {"imageIds": [["a"]]}],
)
async def test_ids_are_required(alice: Caller, body: dict[str, Any]) -> None:
    path = f"/api/albums/{await make_album(alice)}/images"
    for method in ("POST", "DELETE"):
        assert refusal(await alice.request(method, path, json=body)) == (400, "Image IDs are required")


async def test_a_thousand_ids_are_enough(alice: Caller) -> None:
    path = f"/api/albums/{await make_album(alice)}/images"
    many = {"imageIds": [str(uuid4()) for _ in range(1001)]}
    for method in ("POST", "DELETE"):
        refused = refusal(await alice.request(method, path, json=many))
        assert refused == (400, "Maximum 1000 images allowed per request")


async def test_all_are_added_or_none(alice: Caller, bob: Caller) -> None:
    (own,) = await upload_images(alice, 1)
    (foreign,) = await upload_images(bob, 1)
    album_id = await make_album(alice)
    for wrong in ([foreign], [str(uuid4())], ["nothing"], ["a\0b"], [own], [own.upper()]):
        answer = await alice.post(f"/api/albums/{album_id}/images", json={"imageIds": [own, *wrong]})
        assert refusal(answer) == NOT_YOURS
    assert await image_ids_of(alice, album_id) == []


async def test_parallel_calls_leave_every_image_at_one_place_of_its_own(alice: Caller) -> None:
    image_ids = await upload_images(alice, 12)
    groups = [image_ids[start : start + 4] for start in (0, 2, 4, 6, 8, 0, 4, 8)]
    for _ in range(ROUNDS):
        album_id = await make_album(alice)
        answers = await asyncio.gather(*[add(alice, album_id, *group) for group in groups])
        assert sum(answer["added"] for answer in answers) == 12
        images = (await album_of(alice, album_id))["images"]
        assert [image["sortOrder"] for image in images] == list(range(12))
        assert sorted(image["id"] for image in images) == sorted(image_ids)


async def test_images_may_go_while_they_become_covers_and_are_added(alice: Caller) -> None:
    for _ in range(ROUNDS):
        image_ids = await upload_images(alice, 8)
        albums = [f"/api/albums/{await make_album(alice, image_ids[:4])}" for _ in range(2)]
        going, coming = image_ids[:2] + image_ids[4:6], {"imageIds": image_ids[4:]}
        answers = await asyncio.gather(
            *[alice.patch(path, json={"coverImageId": image_id}) for image_id in going[:2] for path in albums],
            *[alice.post(f"{path}/images", json=coming) for path in albums],
            *[alice.delete(f"/api/images/{image_id}") for image_id in going],
            *[alice.patch(f"{path}/images", json={"imageOrder": image_ids[2:4]}) for path in albums],
        )
        assert {answer.status_code for answer in answers} <= {200, 400}
        for path in albums:
            album = body_of(await alice.get(path))["album"]
            left = [image["id"] for image in album["images"]]
            assert not set(left) & set(going)
            assert len({image["sortOrder"] for image in album["images"]}) == len(left)
            assert album["coverImageId"] is None


async def test_an_idempotency_key_adds_once(alice: Caller) -> None:
    image_ids = await upload_images(alice, 2)
    album_id = await make_album(alice)
    path, headers = f"/api/albums/{album_id}/images", {"Idempotency-Key": uuid4().hex}
    first, second = [await alice.post(path, json={"imageIds": image_ids}, headers=headers) for _ in range(2)]
    assert body_of(second) == body_of(first)
    other = await alice.post(path, json={"imageIds": image_ids[:1]}, headers=headers)
    assert refusal(other)[0] == 422


async def test_images_are_taken_out_and_stay_images(alice: Caller) -> None:
    image_ids = await upload_images(alice, 3)
    album_id = await make_album(alice, image_ids)
    path = f"/api/albums/{album_id}"
    await alice.patch(path, json={"coverImageId": image_ids[1]})
    gone = {"imageIds": [image_ids[1], image_ids[1], str(uuid4()), "nothing"]}
    assert body_of(await alice.request("DELETE", f"{path}/images", json=gone)) == {"success": True, "removed": 1}
    album = await album_of(alice, album_id)
    assert [image["id"] for image in album["images"]] == [image_ids[0], image_ids[2]]
    assert album["coverImageId"] is None
    assert body_of(await alice.request("DELETE", f"{path}/images", json=gone))["removed"] == 0
    assert (await alice.get(f"/api/images/{image_ids[1]}")).status_code == 200
    await add(alice, album_id, image_ids[1])
    assert await image_ids_of(alice, album_id) == [image_ids[0], image_ids[2], image_ids[1]]


async def test_a_cover_stays_while_other_images_go(alice: Caller) -> None:
    one, two = await upload_images(alice, 2)
    album_id = await make_album(alice, [one, two])
    await alice.patch(f"/api/albums/{album_id}", json={"coverImageId": one})
    await alice.request("DELETE", f"/api/albums/{album_id}/images", json={"imageIds": [two]})
    assert (await album_of(alice, album_id))["coverImageId"] == one


async def test_images_are_put_in_order(alice: Caller) -> None:
    one, two, three, four = image_ids = await upload_images(alice, 4)
    album_id = await make_album(alice, image_ids)
    for order, seen in (
        ([four, two, one, three], [four, two, one, three]),
        ([three], [three, four, two, one]),
        ([one, four], [one, four, three, two]),
        ([], [one, four, three, two]),
    ):
        answer = await alice.patch(f"/api/albums/{album_id}/images", json={"imageOrder": order})
        assert body_of(answer) == {"success": True}
        images = (await album_of(alice, album_id))["images"]
        assert [(image["id"], image["sortOrder"]) for image in images] == list(zip(seen, range(4), strict=True))


@pytest.mark.parametrize("body", [{}, {"imageOrder": None}, {"imageOrder": "a"}, {"imageOrder": [1]}])
async def test_an_order_is_a_list_of_ids(alice: Caller, body: dict[str, Any]) -> None:
    answer = await alice.patch(f"/api/albums/{await make_album(alice)}/images", json=body)
    assert refusal(answer) == (400, "Image order array is required")


async def test_an_order_of_other_images_is_refused(alice: Caller, bob: Caller) -> None:
    one, two, outside = await upload_images(alice, 3)
    (foreign,) = await upload_images(bob, 1)
    album_id = await make_album(alice, [one, two])
    path = f"/api/albums/{album_id}/images"
    for wrong in (outside, foreign, str(uuid4()), "nothing"):
        assert refusal(await alice.patch(path, json={"imageOrder": [two, wrong]})) == NOT_IN_ALBUM
    twice = await alice.patch(path, json={"imageOrder": [two, one, two]})
    assert refusal(twice) == (400, "Image order must name each image once")
    assert await image_ids_of(alice, album_id) == [one, two]
