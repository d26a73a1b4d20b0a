"""Pictures come in as they are, each judged by its content; what is none is refused and leaves nothing behind."""

import asyncio
import io
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from tests.acceptance.conftest import GatewayRows
from tests.album_uploads import (
    body_of,
    image_ids_of,
    make_album,
    picture,
    post_batch,
    post_image,
    refusal,
    upload_images,
)
from tests.callers import Caller

BAD_NAME = "Invalid filename. Filenames cannot contain path traversal characters or be hidden files."

PNG_OF_4_GIGAPIXELS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\1\0\0" * 2 + b"\x08\2\0\0\0" + b"\0" * 8 + b"IDAT"


def encoded(format: str, width: int = 64, height: int = 48) -> bytes:
    """A picture in any format that there is."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, format)
    return file.getvalue()


async def count_uploads(gateway_rows: GatewayRows, account_id: str) -> int:
    """How many uploads are kept of an account."""
    (row,) = await gateway_rows("SELECT count(*) AS number FROM uploads WHERE account_id = $1", account_id)
    return int(row["number"])


async def test_an_upload_is_kept_byte_for_byte(alice: Caller) -> None:
    content = picture(6000, 40)  # wider than any tier, and than the original system leaves pictures
    answer = await post_image(alice, content, "Beach at noon.JPG")
    body = body_of(answer)
    assert set(body) == {"success", "image", "enhancement"}
    assert (body["success"], body["enhancement"]) == (True, None)
    image = body["image"]
    assert set(image) == {"id", "name", "url", "width", "height", "size", "format"}
    assert (image["name"], image["width"], image["height"]) == ("Beach at noon.JPG", 6000, 40)
    assert (image["size"], image["format"]) == (len(content), "jpeg")
    original = await alice.get(image["url"])
    assert original.content == content
    assert original.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("format", ["jpeg", "png", "gif", "webp", "tiff", "bmp", "avif"])
async def test_a_picture_is_known_by_its_content(alice: Caller, format: str) -> None:
    content = encoded(format, 40, 30)
    image = body_of(await post_image(alice, content, "notes.txt"))["image"]
    assert (image["format"], image["width"], image["height"]) == (format, 40, 30)
    original = await alice.get(f"/api/images/{image['id']}/original")
    assert original.headers["content-type"] == f"image/{format}"
    assert original.headers["x-content-type-options"] == "nosniff"
    assert original.content == content


async def test_the_size_is_that_of_the_picture_as_it_is_seen(alice: Caller) -> None:
    turned = body_of(await post_image(alice, picture(80, 30, orientation=6)))["image"]
    assert (turned["width"], turned["height"]) == (80, 30)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not_an_image"),
        (b"hello", "not_an_image"),
        (b"<svg onload='x'/>", "unsupported_format"),
        (b"%PDF-1.7", "unsupported_format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unsupported_format"),
        (b"\xff\xd8\xff", "truncated"),
        (PNG_OF_4_GIGAPIXELS, "too_many_pixels"),
    ],
)
async def test_what_is_no_picture_is_refused(
    alice: Caller, gateway_rows: GatewayRows, content: bytes, problem: str
) -> None:
    answer = await post_image(alice, content)
    assert refusal(answer)[0] == 400
    assert answer.json()["error"]
    assert answer.json()["problem"] == problem
    assert await count_uploads(gateway_rows, alice.account_id) == 0


async def test_an_upload_without_a_file_is_refused(alice: Caller) -> None:
    multipart = {"Content-Type": "multipart/form-data"}
    for answer in [
        await alice.post("/api/images/upload"),
        await alice.post("/api/images/upload", data={"albumId": ""}),
        await alice.post("/api/images/upload", data={"file": "a.jpg"}),
        await alice.post("/api/images/upload", json={"file": "a.jpg"}),
        await alice.post("/api/images/upload", files={"files": ("a.jpg", picture())}),
        await alice.post("/api/images/upload", content=b"--x\r\n", headers=multipart),
        await alice.post(
            "/api/images/upload", content=b"--x\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"}
        ),
    ]:
        assert refusal(answer)[0] == 400


async def test_a_form_in_no_charset_is_refused(alice: Caller) -> None:
    for charset in ("undefined", "idna", "punycode", "hex", "unicode_escape", "utf-7"):
        content = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="\\ud800\xff.jpg"\r\n\r\n'
            + picture()
            + b"\r\n--x--\r\n"
        )
        headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
        answer = await alice.post("/api/images/upload", content=content, headers=headers)
        assert answer.status_code in (200, 400), f"{charset}: {answer.text}"


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\boot.jpg", "a/b.jpg", ".htaccess", "..", "x" * 300 + ".jpg"])
async def test_a_name_that_leads_elsewhere_is_refused(alice: Caller, name: str) -> None:
    answer = await post_image(alice, picture(), name)
    assert refusal(answer) == (400, BAD_NAME)
    assert answer.json()["problem"] == "bad_file_name"


@pytest.mark.parametrize(
    "name", ['a";evil="1.jpg', "a\r\nSet-Cookie: x.jpg", "\u202egpj.exe", "снимка.jpg", "<script>.png", "a" * 250]
)
async def test_an_odd_name_is_made_harmless(alice: Caller, name: str) -> None:
    image = body_of(await post_image(alice, picture(), name))["image"]
    assert not set(image["name"]) & set('/\\\r\n"<>\u202e')
    assert len(image["name"].encode()) <= 120
    original = await alice.get(image["url"])
    assert original.headers["content-disposition"].startswith('inline; filename="')
    assert "set-cookie" not in original.headers


async def test_a_file_over_the_limit_is_413(alice: Caller) -> None:
    answer = await post_image(alice, picture() + bytes(6_000_000))
    assert refusal(answer) == (413, "The upload is larger than 5 MB")


async def test_an_upload_goes_behind_the_images_of_its_album(alice: Caller) -> None:
    image_ids = await upload_images(alice, 2)
    album_id = await make_album(alice, image_ids)
    image = body_of(await post_image(alice, picture(), albumId=album_id))["image"]
    batch = body_of(await post_batch(alice, {"a.jpg": picture(), "b.jpg": picture()}, albumId=album_id))
    assert await image_ids_of(alice, album_id) == [
        *image_ids,
        image["id"],
        *[result["imageId"] for result in batch["results"]],
    ]


async def test_an_album_that_is_not_the_callers_takes_nothing(
    alice: Caller, bob: Caller, gateway_rows: GatewayRows
) -> None:
    for album_id in (await make_album(alice, privacy="PUBLIC"), str(uuid4()), "nothing", "a\0b"):
        assert refusal(await post_image(bob, picture(), albumId=album_id)) == (400, "Album not found")
        assert refusal(await post_batch(bob, {"a.jpg": picture()}, albumId=album_id)) == (404, "Album not found")
    assert await count_uploads(gateway_rows, bob.account_id) == 0


async def test_the_same_picture_is_a_new_image_each_time(alice: Caller) -> None:
    content = picture()
    first, second = [body_of(await post_image(alice, content))["image"] for _ in range(2)]
    assert first["id"] != second["id"]
    await alice.delete(f"/api/images/{first['id']}")
    assert (await alice.get(second["url"])).content == content


async def test_an_idempotency_key_uploads_once(alice: Caller, gateway_rows: GatewayRows) -> None:
    content, headers = picture(), {"Idempotency-Key": uuid4().hex}
    answers = [await post_image(alice, content, headers=headers) for _ in range(2)]
    assert body_of(answers[0]) == body_of(answers[1])
    assert refusal(await post_image(alice, picture(), headers=headers))[0] == 422
    assert refusal(await post_image(alice, content, "other.jpg", headers=headers))[0] == 422
    assert await count_uploads(gateway_rows, alice.account_id) == 1


async def test_parallel_uploads_are_all_there(alice: Caller) -> None:
    contents = [picture() for _ in range(12)]
    answers = await asyncio.gather(*[post_image(alice, content) for content in contents])
    for answer, content in zip(answers, contents, strict=True):
        assert (await alice.get(body_of(answer)["image"]["url"])).content == content


async def test_only_some_uploads_a_minute_are_taken(alice: Caller) -> None:
    answers = [await alice.post("/api/images/upload") for _ in range(31)]
    assert {answer.status_code for answer in answers[:30]} == {400}
    assert refusal(answers[30]) == (429, "Rate limit exceeded for uploads")
    assert int(answers[30].headers["retry-after"]) > 0


async def test_every_answer_names_its_request(alice: Caller) -> None:
    own = await post_image(alice, picture(), headers={"X-Request-ID": "mine-1.2:3"})
    assert own.headers["x-request-id"] == "mine-1.2:3"
    for odd in ("", "a b", "x" * 129, 'a"b'):
        named = await post_image(alice, b"none", headers={"X-Request-ID": odd})
        assert named.headers["x-request-id"] not in ("", odd)
    first, second = [(await alice.post("/api/images/upload")).headers["x-request-id"] for _ in range(2)]
    assert first != second


@pytest.mark.parametrize("value", ["yes", "1", "\0", "tr\u00fce"])
async def test_enhancing_at_once_is_asked_for_in_so_many_words(alice: Caller, value: str) -> None:
    answer = await post_image(alice, picture(), enhance=value)
    assert refusal(answer) == (400, "enhance must be true or false")


async def test_each_file_of_a_batch_is_judged_by_itself(alice: Caller, gateway_rows: GatewayRows) -> None:
    good, large = picture(30, 20, "png"), picture() + bytes(1_000_000)
    files = {"good.png": good, "bad.jpg": b"none", "large.jpg": large, ".hidden": picture(), "last.jpg": picture()}
    body = body_of(await post_batch(alice, files))
    first, bad, too_large, hidden, last = body["results"]
    assert (body["success"], body["summary"]) == (True, {"total": 5, "successful": 2, "failed": 3})
    assert set(first) == {"success", "filename", "imageId", "url", "width", "height", "size", "format"}
    assert (first["filename"], first["width"], first["height"], first["format"]) == ("good.png", 30, 20, "png")
    assert (await alice.get(first["url"])).content == good
    assert set(bad) == {"success", "filename", "error", "errorType"}
    assert (bad["success"], bad["filename"], bad["errorType"]) == (False, "bad.jpg", "NOT_AN_IMAGE")
    assert (too_large["errorType"], too_large["error"]) == ("FILE_TOO_LARGE", "The file is larger than 1 MB.")
    assert hidden["errorType"] == "BAD_FILE_NAME"
    assert last["success"]
    assert await count_uploads(gateway_rows, alice.account_id) == 2


async def test_a_batch_without_pictures_is_no_success(alice: Caller) -> None:
    body = body_of(await post_batch(alice, {"a.jpg": b"none", "b.jpg": b""}))
    assert body["success"] is False
    assert [result["success"] for result in body["results"]] == [False, False]


async def test_a_batch_has_limits(alice: Caller, gateway_rows: GatewayRows) -> None:
    assert refusal(await alice.post("/api/images/batch-upload"))[0] == 400
    many = await post_batch(alice, {f"{number}.jpg": picture() for number in range(21)})
    assert refusal(many) == (400, "Please upload a maximum of 20 files per batch.")
    padded = {f"{number}.jpg": picture() + bytes(760_000) for number in range(4)}
    assert refusal(await post_batch(alice, padded)) == (413, "The files are larger than 3 MB together")
    padded |= {f"more-{number}.jpg": bytes(900_000) for number in range(4)}
    assert refusal(await post_batch(alice, padded))[0] == 413
    assert await count_uploads(gateway_rows, alice.account_id) == 0


async def test_a_key_is_needed(client: httpx.AsyncClient) -> None:
    assert refusal(await post_image(client, picture())) == (401, "Unauthorized")
    assert refusal(await post_batch(client, {"a.jpg": picture()})) == (401, "Unauthorized")
