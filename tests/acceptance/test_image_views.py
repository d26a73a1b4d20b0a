"""Images, what was made of them and the files of both, as their owner sees them and as others do."""

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.acceptance.conftest import GatewayRows
from tests.album_uploads import album_of, body_of, make_album, picture, post_image, refusal, upload_images
from tests.builders import UNKNOWN_ID, Site, product_csv, run
from tests.callers import Caller

NO_IMAGE = (404, "Image not found")
NO_JOB = (404, "Job not found")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
Enhance = Callable[..., Awaitable[str]]


@pytest.fixture
def enhanced(site: Site, gateway_rows: GatewayRows) -> Enhance:
    """Leave a picture that was fetched and compressed where an enhancement of an upload would be; the job's id."""

    async def enhance(client: Caller, image_id: str, tier: str = "TIER_1K", url: str = "") -> str:
        request_id = await run(client, product_csv([[url or site.photo(width=90, height=60)]]))
        await gateway_rows("UPDATE jobs SET kind = 'album', tier = $2 WHERE job_id = $1", request_id, tier)
        (row,) = await gateway_rows(
            """
            UPDATE images SET upload_id = $2, requested_at = ended_at - interval '1.5 seconds'
            WHERE job_id = $1
            RETURNING image_id
            """,
            request_id,
            image_id,
        )
        return str(row["image_id"])

    return enhance


async def test_an_image_tells_about_itself(alice: Caller) -> None:
    content = picture(80, 30, "png")
    uploaded = body_of(await post_image(alice, content, "beach.png"))["image"]
    body = body_of(await alice.get(f"/api/images/{uploaded['id']}"))
    image = body["image"]
    assert TIME.fullmatch(image["createdAt"])
    assert body == {
        "success": True,
        "image": {
            "id": uploaded["id"],
            "name": "beach.png",
            "description": None,
            "originalUrl": uploaded["url"],
            "originalWidth": 80,
            "originalHeight": 30,
            "originalSizeBytes": len(content),
            "originalFormat": "png",
            "isPublic": False,
            "createdAt": image["createdAt"],
            "updatedAt": image["createdAt"],
            "jobs": [],
        },
    }


async def test_what_was_made_of_an_image_is_told_the_newest_first(alice: Caller, site: Site, enhanced: Enhance) -> None:
    (image_id,) = await upload_images(alice, 1)
    first = await enhanced(alice, image_id)
    second = await enhanced(alice, image_id, "TIER_2K")
    failed = await enhanced(alice, image_id, "TIER_4K", url=f"{site.url}/status/404")
    jobs = body_of(await alice.get(f"/api/images/{image_id}"))["image"]["jobs"]
    assert [(job["id"], job["tier"], job["status"]) for job in jobs] == [
        (failed, "TIER_4K", "FAILED"),
        (second, "TIER_2K", "COMPLETED"),
        (first, "TIER_1K", "COMPLETED"),
    ]
    assert jobs[0]["errorMessage"]
    assert jobs[0]["enhancedUrl"] is None
    assert jobs[2]["enhancedUrl"].endswith(f"/api/jobs/{first}/image")
    assert (jobs[2]["enhancedWidth"], jobs[2]["enhancedHeight"], jobs[2]["errorMessage"]) == (90, 60, None)
    assert set(jobs[0]) == {
        *("id", "tier", "status", "tokensCost", "enhancedUrl", "enhancedWidth", "enhancedHeight"),
        *("enhancedSizeBytes", "errorMessage", "createdAt", "processingStartedAt", "processingCompletedAt"),
    }
    versions = body_of(await alice.get(f"/api/images/{image_id}/versions"))
    assert (versions["imageId"], versions["imageName"]) == (image_id, "picture-0.jpg")
    assert [(version["jobId"], version["status"]) for version in versions["versions"]] == [
        (first, "COMPLETED"),
        (second, "COMPLETED"),
    ]
    version = versions["versions"][0]
    assert (version["width"], version["height"], version["processingTimeMs"]) == (90, 60, 1500)
    assert (await alice.get(version["resultUrl"])).headers["content-length"] == str(version["sizeBytes"])
    (image,) = (await album_of(alice, await make_album(alice, [image_id])))["images"]
    assert (image["enhancedUrl"], image["enhancementTier"]) == (jobs[1]["enhancedUrl"], "TIER_2K")


async def test_what_could_not_be_paid_is_not_told(alice: Caller, enhanced: Enhance, gateway_rows: GatewayRows) -> None:
    (image_id,) = await upload_images(alice, 1)
    job_id = await enhanced(alice, image_id)
    await gateway_rows(
        """
        UPDATE jobs SET problem = 'tokens_declined', state = 'failed'
        FROM images WHERE images.job_id = jobs.job_id AND images.image_id = $1
        """,
        job_id,
    )
    assert body_of(await alice.get(f"/api/images/{image_id}"))["image"]["jobs"] == []


async def test_versions_tell_how_often_one_may_ask(alice: Caller) -> None:
    (image_id,) = await upload_images(alice, 1)
    answer = await alice.get(f"/api/images/{image_id}/versions")
    assert body_of(answer)["versions"] == []
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("100", "99")
    assert int(answer.headers["x-ratelimit-reset"]) > 1_700_000_000_000


async def test_a_file_is_sent_in_ranges_and_not_twice(alice: Caller) -> None:
    content = picture()
    image = body_of(await post_image(alice, content, "Ünï.jpg"))["image"]
    whole = await alice.get(image["url"])
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"] == "private, no-cache"
    assert whole.headers["content-disposition"].startswith("inline; filename=")
    part = await alice.get(image["url"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert (await alice.get(image["url"], headers={"Range": f"bytes={len(content)}-"})).status_code == 416
    for known in (whole.headers["etag"], f'"other", W/{whole.headers["etag"]}', "*"):
        again = await alice.get(image["url"], headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == whole.headers["etag"]
    assert (await alice.get(image["url"], headers={"If-None-Match": '"other"'})).content == content


async def test_an_enhanced_image_is_a_file_like_any_other(alice: Caller, enhanced: Enhance) -> None:
    (image_id,) = await upload_images(alice, 1)
    job_id = await enhanced(alice, image_id)
    whole = await alice.get(f"/api/jobs/{job_id}/image")
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"] == 'inline; filename="picture-0.jpg"'
    part = await alice.get(f"/api/jobs/{job_id}/image", headers={"Range": "bytes=-5"})
    assert part.content == whole.content[-5:]


async def test_a_products_image_is_no_job_of_this_door(alice: Caller, site: Site, gateway_rows: GatewayRows) -> None:
    request_id = await run(alice, product_csv([[site.photo()]]))
    (row,) = await gateway_rows("SELECT image_id FROM images WHERE job_id = $1", request_id)
    assert refusal(await alice.get(f"/api/jobs/{row['image_id']}/image")) == NO_JOB


async def test_another_account_sees_nothing(
    alice: Caller, bob: Caller, nobody: httpx.AsyncClient, enhanced: Enhance
) -> None:
    (image_id,) = await upload_images(alice, 1)
    job_id = await enhanced(alice, image_id)
    await make_album(alice, [image_id])
    for path in (f"/api/images/{image_id}", f"/api/images/{image_id}/versions"):
        assert refusal(await bob.get(path)) == NO_IMAGE
        assert refusal(await nobody.get(path)) == (401, "Unauthorized")
    for visitor in (bob, nobody):
        assert refusal(await visitor.get(f"/api/images/{image_id}/original")) == NO_IMAGE
        assert refusal(await visitor.get(f"/api/jobs/{job_id}/image")) == NO_JOB
    assert refusal(await bob.delete(f"/api/images/{image_id}")) == (403, "Forbidden")
    assert (await alice.get(f"/api/images/{image_id}")).status_code == 200


async def test_an_image_of_a_shared_album_is_open_to_all(
    alice: Caller, bob: Caller, nobody: httpx.AsyncClient, site: Site, enhanced: Enhance
) -> None:
    (image_id,) = await upload_images(alice, 1)
    job_id = await enhanced(alice, image_id)
    await enhanced(alice, image_id, url=f"{site.url}/status/404")
    album_id = await make_album(alice, [image_id], privacy="UNLISTED")
    seen = body_of(await bob.get(f"/api/images/{image_id}"))["image"]
    assert seen["isPublic"] is True
    assert [job["id"] for job in seen["jobs"]] == [job_id]
    for visitor in (bob, nobody):
        (image,) = (await album_of(visitor, album_id))["images"]
        for url in (image["originalUrl"], image["enhancedUrl"]):
            assert (await visitor.get(url)).headers["content-type"] == "image/jpeg"
    await alice.request("DELETE", f"/api/albums/{album_id}/images", json={"imageIds": [image_id]})
    for visitor in (bob, nobody):
        assert refusal(await visitor.get(f"/api/images/{image_id}/original")) == NO_IMAGE
        assert refusal(await visitor.get(f"/api/jobs/{job_id}/image")) == NO_JOB


async def test_a_deleted_image_is_gone_and_what_was_made_of_it_is_history(
    alice: Caller, enhanced: Enhance, gateway_rows: GatewayRows
) -> None:
    image_id, other = await upload_images(alice, 2)
    job_id = await enhanced(alice, image_id)
    album_id = await make_album(alice, [image_id, other], privacy="PUBLIC")
    assert body_of(await alice.delete(f"/api/images/{image_id}")) == {
        "success": True,
        "message": "Image deleted successfully",
    }
    for method, path in (("GET", ""), ("GET", "/versions"), ("GET", "/original"), ("DELETE", "")):
        assert refusal(await alice.request(method, f"/api/images/{image_id}{path}")) == NO_IMAGE
    assert [image["id"] for image in (await album_of(alice, album_id))["images"]] == [other]
    assert (await alice.get(f"/api/jobs/{job_id}/image")).status_code == 200
    (row,) = await gateway_rows("SELECT state::text AS state FROM images WHERE image_id = $1", job_id)
    assert row["state"] == "succeeded"


@pytest.mark.parametrize("image_id", [UNKNOWN_ID, "nothing", "%00", UNKNOWN_ID.replace("-", ""), "upload"])
async def test_an_image_that_is_not_there_is_404(alice: Caller, image_id: str) -> None:
    for path in ("", "/versions", "/original"):
        assert refusal(await alice.get(f"/api/images/{image_id}{path}")) == NO_IMAGE
    assert refusal(await alice.delete(f"/api/images/{image_id}")) == NO_IMAGE
    assert refusal(await alice.get(f"/api/jobs/{image_id}/image")) == NO_JOB
