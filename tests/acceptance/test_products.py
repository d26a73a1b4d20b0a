"""The products door: a CSV goes in, its images go through, results come out (cases 3-01 to 3-05 and 3-12 to 3-14)."""

import io
from uuid import UUID, uuid4

import httpx
from PIL import Image

from tests.builders import (
    Site,
    csv_text,
    details_of,
    download,
    images_of,
    post_csv,
    product_csv,
    read_rows,
    run,
    status_of,
    until_ended,
    upload,
)
from tests.eventually import eventually

UPLOADED = "CSV file uploaded successfully and processing has started"


def example(site: Site) -> str:
    """The example of the specification: surplus fields are further URLs."""
    photos = [site.photo(320, 240) for _ in range(3)]
    return csv_text(f"1,SKU1,{photos[0]},{photos[1]}", f"2,SKU2,{photos[2]}")


async def test_3_01_an_upload_is_accepted_under_a_request_id(client: httpx.AsyncClient, site: Site) -> None:
    answer = await post_csv(client, example(site))
    body = answer.json()
    assert answer.status_code == 200
    assert str(UUID(body.pop("request_id")))
    assert body == {"message": UPLOADED, "status": "pending", "webhook_url": None}


async def test_3_02_details_list_every_product_with_its_urls(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await upload(client, example(site))
    details = await details_of(client, request_id)
    assert [len(product["input_image_urls"]) for product in details["products"]] == [2, 1]
    assert [product["serial_number"] for product in details["products"]] == [1, 2]
    assert [product["product_name"] for product in details["products"]] == ["SKU1", "SKU2"]
    assert details["total_products"] == 2
    assert details["csv_filename"] == "products.csv"


async def test_3_03_progress_only_rises_to_100_percent(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await upload(client, product_csv([[photo] for photo in site.photos(120)]))
    seen: list[float] = []

    async def ended() -> dict[str, object]:
        status = await status_of(client, request_id)
        seen.append(status["progress"]["percentage"])
        assert status["status"] == "completed"
        return status

    status = await eventually(ended, 30)
    assert seen == sorted(seen)
    assert status["message"] == "Processing completed successfully"
    assert status["progress"] == {"total_products": 120, "processed_products": 120, "percentage": 100.0}
    assert status["images"] == {"total": 120, "completed": 120, "failed": 0, "pending": 0}


async def test_3_04_the_result_has_as_many_output_urls_as_inputs(client: httpx.AsyncClient, site: Site) -> None:
    request_id = await run(client, example(site))
    answer = await download(client, request_id)
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="processed_products.csv"' in answer.headers["content-disposition"]
    rows = read_rows(answer)
    assert list(rows[0]) == ["S. No.", "Product Name", "Input Image Urls", "Output Image Urls"]
    for row, wanted in zip(rows, (2, 1), strict=True):
        assert len(row["Input Image Urls"].split(",")) == len(row["Output Image Urls"].split(",")) == wanted


async def test_3_05_an_output_is_a_smaller_jpeg_of_the_same_size_in_pixels(
    client: httpx.AsyncClient, site: Site
) -> None:
    source = site.photo(640, 480)
    request_id = await run(client, product_csv([[source]]))
    (image,) = await images_of(client, request_id)
    answer = await client.get(image["output_url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (640, 480))
    original = await client.get(source)
    assert len(answer.content) < len(original.content)


async def test_3_12_an_unknown_request_is_404_at_every_door(client: httpx.AsyncClient) -> None:
    for unknown in (str(uuid4()), "no-such-thing", "0", "%00", "../status", "1" * 500):
        for path in ("status", "details", "download", "webhooks"):
            answer = await client.get(f"/api/{path}/{unknown}")
            assert answer.status_code == 404, (path, unknown)
            assert "detail" in answer.json()
    known = str(uuid4())
    assert (await client.get(f"/api/status/{known}")).json() == {"detail": f"Request with ID {known} not found"}


async def test_3_13_results_are_refused_while_processing(client: httpx.AsyncClient, site: Site) -> None:
    slow = site.url + "/slow/photos/1-16x16.jpg?delay_ms=2000"
    request_id = await upload(client, product_csv([[slow]]))
    answer = await client.get(f"/api/download/{request_id}")
    assert answer.status_code == 400
    assert answer.json() == {"detail": "CSV is only available for completed requests"}
    await until_ended(client, request_id)


async def test_3_14_a_failed_image_leaves_an_empty_slot_and_a_reason(client: httpx.AsyncClient, site: Site) -> None:
    good, missing = site.photo(), f"{site.url}/missing.jpg"
    request_id = await run(client, product_csv([[missing, good]]))
    details = await details_of(client, request_id)
    (product,) = details["products"]
    assert details["status"] == product["status"] == "completed"
    assert product["output_image_urls"][0] == ""
    assert product["output_image_urls"][1].endswith(".jpg")
    failed, fine = product["images"]
    assert (failed["status"], failed["problem"], failed["output_url"]) == ("failed", "http_404", None)
    assert (fine["status"], fine["problem"]) == ("completed", None)
    (row,) = read_rows(await download(client, request_id))
    assert row["Output Image Urls"].split(",") == product["output_image_urls"]
    assert "http_404" in row["Problems"]
