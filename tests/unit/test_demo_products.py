"""What the demo submits, and when it says that all is well."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from client.answers import Details, Image, ImageCounts, Product
from client.demo import Played, Received, find_faults
from client.demo_products import BROKEN, make_demo_set

ORIGIN = "http://127.0.0.1:20000"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def image_of(url: str, problem: str | None) -> Image:
    output = None if problem else "http://out"
    return Image(input_url=url, output_url=output, status="x", problem=problem, detail=None, attempts=1)


@pytest.fixture
def played() -> Played:
    """A demo that went well."""
    planned = make_demo_set(ORIGIN, 7)
    products = [
        Product(
            serial_number=each.serial,
            product_name=each.name,
            images=[image_of(url, planned.problems.get(url)) for url in each.urls],
        )
        for each in planned.products
    ]
    details = Details(
        request_id="r",
        status="completed",
        message="",
        created_at=NOW,
        updated_at=NOW,
        images=ImageCounts(total=72, completed=64, failed=8, pending=0),
        csv_filename="products.csv",
        total_products=24,
        products=products,
    )
    webhook = Received("msg_1", verified=True, content={})
    return Played(planned, details, 1.0, 2, 1, 64, (webhook,), Path("a.csv"), Path("a.zip"))


def test_the_demo_has_at_least_60_images_and_every_kind_of_bad_one() -> None:
    planned = make_demo_set(ORIGIN, 7)
    urls = [url for product in planned.products for url in product.urls]
    assert len(urls) == planned.images == 72
    assert len(set(urls)) == 72
    assert sorted(planned.problems.values()) == sorted(broken.problem for broken in BROKEN)
    assert set(planned.problems) <= set(urls)


def test_the_csv_reads_back() -> None:
    planned = make_demo_set(ORIGIN, 7)
    rows = list(csv.DictReader(io.StringIO(planned.to_csv())))
    assert [row["Input Image Urls"].split(",") for row in rows] == [list(each.urls) for each in planned.products]
    assert [row["Product Name"] for row in rows] == [each.name for each in planned.products]


def test_another_run_has_other_files() -> None:
    first, second = make_demo_set(ORIGIN, 7), make_demo_set(ORIGIN, 8)
    assert not set(first.good_urls) & set(second.good_urls)


def test_all_is_well_when_exactly_the_bad_ones_failed(played: Played) -> None:
    assert find_faults(played) == []


def test_a_good_image_that_failed_is_a_fault(played: Played) -> None:
    played.details.products[0].images[0].problem = "http_500"
    assert len(find_faults(played)) == 1
    assert "http_500 instead of success" in find_faults(played)[0]


def test_a_bad_image_that_succeeded_or_failed_otherwise_is_a_fault(played: Played) -> None:
    bad = [image for product in played.details.products for image in product.images if image.problem]
    bad[0].problem, bad[1].problem = None, "internal_error"
    assert len(find_faults(played)) == 2


def test_an_image_that_nobody_speaks_of_is_a_fault(played: Played) -> None:
    played.details.products.pop()
    assert len(find_faults(played)) == 3


@pytest.mark.parametrize(
    "webhooks",
    [
        (),
        (Received("msg_1", verified=False, content={}),),
        (Received("msg_1", verified=True, content={}), Received("msg_2", verified=True, content={})),
    ],
)
def test_one_message_with_a_good_signature_has_to_come(played: Played, webhooks: tuple[Received, ...]) -> None:
    assert len(find_faults(replace(played, webhooks=webhooks))) == 1


def test_a_zip_with_too_few_images_is_a_fault(played: Played) -> None:
    assert len(find_faults(replace(played, images_in_zip=63))) == 1
