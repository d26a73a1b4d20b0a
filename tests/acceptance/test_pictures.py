"""Pictures of every kind, good and bad, on their way through the whole system."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.builders import Site, details_of, download, images_of, product_csv, read_rows, run

WHITE_MIN = 240


async def picture_of(client: httpx.AsyncClient, url: str, **fields: str) -> tuple[Image.Image, bytes]:
    """What becomes of the picture at a URL, and the file that it is in."""
    (image,) = await images_of(client, await run(client, product_csv([[url]]), **fields))
    assert image["status"] == "completed", image
    content = (await client.get(image["output_url"])).content
    return Image.open(io.BytesIO(content)), content


async def failure_of(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """How the picture at a URL fails."""
    request_id = await run(client, product_csv([[url]]))
    (image,) = await images_of(client, request_id)
    assert image["status"] == "failed", image
    assert (await details_of(client, request_id))["status"] == "failed"
    return image


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "gif"])
async def test_every_usual_format_becomes_a_jpeg(client: httpx.AsyncClient, site: Site, extension: str) -> None:
    picture, _ = await picture_of(client, site.photo(80, 60, extension))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (80, 60))


async def test_a_turned_photo_is_upright_and_carries_no_metadata(client: httpx.AsyncClient, site: Site) -> None:
    picture, content = await picture_of(client, site.photo(80, 60, orientation=6))
    assert picture.size == (80, 60)  # the file itself lies on its side
    assert not picture.getexif()
    assert b"Exif" not in content


async def test_what_is_transparent_becomes_white(client: httpx.AsyncClient, site: Site) -> None:
    for extension in ("png", "webp"):
        url = site.photo(80, 60, extension, transparent=1)
        original = Image.open(io.BytesIO((await client.get(url)).content)).convert("RGBA")
        picture, _ = await picture_of(client, url)
        clear = np.asarray(original)[:, :, 3] == 0
        assert clear.any()
        assert np.median(np.asarray(picture)[clear]) >= WHITE_MIN


async def test_a_result_is_never_larger_than_a_jpeg_that_came_in(client: httpx.AsyncClient, site: Site) -> None:
    source = site.photo(320, 240, quality=10)
    _, content = await picture_of(client, source, quality="95")
    assert len(content) <= len((await client.get(source)).content)


async def test_quality_format_and_size_can_be_chosen(client: httpx.AsyncClient, site: Site) -> None:
    source = site.photo(640, 480)
    small, small_file = await picture_of(client, source, quality="10")
    fine, fine_file = await picture_of(client, source, quality="80")
    assert len(small_file) < len(fine_file)
    assert small.size == fine.size == (640, 480)
    shrunk, _ = await picture_of(client, source, max_side="100", format="webp")
    assert (shrunk.format, shrunk.size) == ("WEBP", (100, 75))
    lossless, _ = await picture_of(client, source, max_side="10000", format="png")
    assert (lossless.format, lossless.size) == ("PNG", (640, 480))


async def test_a_copy_keeps_every_byte(client: httpx.AsyncClient, site: Site) -> None:
    source = site.photo(80, 60, "png", transparent=1)
    picture, content = await picture_of(client, source, operation="copy")
    assert picture.format == "PNG"
    assert content == (await client.get(source)).content


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/missing.jpg", "http_404"),
        ("/status/403/x.jpg", "http_403"),
        ("/status/401/x.jpg", "http_401"),
        ("/status/410/x.jpg", "http_410"),
        ("/broken.jpg", "truncated"),
        ("/not-an-image.jpg", "not_an_image"),
        ("/empty.jpg", "empty_body"),
        ("/drawing.svg", "unsupported_format"),
        ("/encoded.jpg", "encoding_unsupported"),
        ("/huge.jpg", "too_large"),
        ("/huge.jpg?declared=1", "too_large"),
        ("/redirect/9/photos/1-8x8.jpg", "too_many_redirects"),
        ("/redirect/1/x?to=http://169.254.169.254/latest/meta-data", "address_forbidden"),
        ("/redirect/1/x?to=file:///etc/passwd", "redirect_invalid"),
    ],
)
async def test_a_hopeless_image_fails_at_once_with_its_problem(
    client: httpx.AsyncClient, site: Site, path: str, problem: str
) -> None:
    image = await failure_of(client, site.url + path)
    assert (image["problem"], image["attempts"]) == (problem, 1)
    assert image["detail"]
    assert image["output_url"] is None


@pytest.mark.parametrize(
    ("path", "problem", "attempts"),
    [
        ("/status/500/x.jpg", "http_500", 4),
        ("/status/503/x.jpg", "http_503", 4),
        ("/incomplete.jpg", "incomplete_body", 4),
        ("/stalled.jpg", "read_timeout", 2),
    ],
)
async def test_an_ailing_image_is_tried_again_and_not_for_ever(
    client: httpx.AsyncClient, site: Site, path: str, problem: str, attempts: int
) -> None:
    image = await failure_of(client, site.url + path)
    assert (image["problem"], image["attempts"]) == (problem, attempts)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_origin_that_falters_is_asked_again_until_it_answers(
    client: httpx.AsyncClient, site: Site, status: int
) -> None:
    flaky = f"{site.url}/flaky/2/photos/{status}-16x16.jpg?status={status}"
    (image,) = await images_of(client, await run(client, product_csv([[flaky]])))
    assert (image["status"], image["attempts"]) == ("completed", 3)


async def test_redirects_are_followed(client: httpx.AsyncClient, site: Site) -> None:
    picture, _ = await picture_of(client, f"{site.url}/redirect/3{site.target(site.photo(24, 16))}")
    assert picture.size == (24, 16)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:1/x.jpg", "connection_refused"),
        ("http://no-such-host.invalid/x.jpg", "dns_failed"),
        ("http://169.254.169.254/latest/meta-data/", "address_forbidden"),
        ("http://10.0.0.1/x.jpg", "address_forbidden"),
        ("http://0.0.0.0/x.jpg", "address_forbidden"),
        ("http://[::1]/x.jpg", "address_forbidden"),
        ("http://[::ffff:10.0.0.1]/x.jpg", "address_forbidden"),
        ("http://2130706433/x.jpg", "url_invalid"),
        ("http://0x7f000001/x.jpg", "url_invalid"),
        ("http://127.1/x.jpg", "url_invalid"),
        ("http://user:secret@example.com/x.jpg", "url_invalid"),
        ("http://example.com\\@10.0.0.1/x.jpg", "url_invalid"),
        ("http://93.184.215.14:6379/x.jpg", "address_forbidden"),
    ],
)
async def test_a_url_that_must_not_or_cannot_be_asked_fails(client: httpx.AsyncClient, url: str, problem: str) -> None:
    image = await failure_of(client, url)
    assert image["problem"] == problem, image
    assert "secret" not in image["detail"]


async def test_a_url_that_occurs_often_is_fetched_once(client: httpx.AsyncClient, site: Site) -> None:
    url, other = site.photos(2)
    request_id = await run(client, product_csv([[url] * 20, [other, url], *[[url]] * 60]))
    counts = await site.counts()
    assert (counts[site.target(url)], counts[site.target(other)]) == (1, 1)
    images = await images_of(client, request_id)
    assert len({image["output_url"] for image in images}) == len(images) == 82
    assert all(image["status"] == "completed" for image in images)


async def test_a_bad_url_that_occurs_often_is_asked_once_and_fails_everywhere(
    client: httpx.AsyncClient, site: Site
) -> None:
    bad = f"{site.url}/status/404/{site.photos(1)[0][-8:]}"
    request_id = await run(client, product_csv([[bad]] * 30 + [[site.photo()]]))
    assert (await site.counts())[site.target(bad)] == 1
    images = await images_of(client, request_id)
    assert [image["problem"] for image in images] == ["http_404"] * 30 + [None]


async def test_the_same_picture_in_two_requests_is_made_once(
    client: httpx.AsyncClient, site: Site, gateway_rows: Any
) -> None:
    url = site.photo(48, 48)
    await run(client, product_csv([[url]]))
    again = await run(client, product_csv([[url]]))
    (row,) = await gateway_rows("SELECT cache_hit FROM images WHERE job_id = $1", again)
    assert row == {"cache_hit": True}


async def test_a_request_of_nothing_but_failures_has_failed_and_its_results_can_be_had(
    client: httpx.AsyncClient, site: Site
) -> None:
    request_id = await run(client, product_csv([[f"{site.url}/missing.jpg"], [f"{site.url}/broken.jpg"]]))
    details = await details_of(client, request_id)
    assert (details["status"], details["message"]) == ("failed", "Processing failed")
    assert details["progress"]["percentage"] == 100.0
    rows = read_rows(await download(client, request_id))
    assert [row["Output Image Urls"] for row in rows] == ["", ""]
    assert ["http_404" in rows[0]["Problems"], "truncated" in rows[1]["Problems"]] == [True, True]
