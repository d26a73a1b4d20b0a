"""How large a product CSV may be, and in which of its parts."""

import tracemalloc
from collections.abc import Iterator

import pytest

from services.gateway.csv_records import RECORD_BYTES_MAX
from services.gateway.product_csv import CsvLimits, InvalidCsv, read_product_csv
from tests.product_files import HEADER, A, B, read, refusal


@pytest.mark.parametrize(
    ("limits", "detail"),
    [
        (CsvLimits(rows_max=2), "More than 2 rows"),
        (CsvLimits(urls_per_row_max=2), "More than 2 image URLs in row 3"),
        (CsvLimits(name_characters_max=4), "Product name too long in row 2"),
        (CsvLimits(url_characters_max=23), "Image URL too long in row 3"),
    ],
)
def test_every_limit_is_refused_by_name(limits: CsvLimits, detail: str) -> None:
    text = HEADER + f"1,Chai,{A}\n2,Table,{A}\n3,Lamp,{A},{A}0,{B}\n"
    assert len(read(text)) == 5
    assert refusal(text, limits=limits).detail == detail


@pytest.mark.parametrize(
    ("limits", "detail"),
    [
        (CsvLimits(rows_max=2), "More than 2 rows"),
        (CsvLimits(name_characters_max=4), "Product name too long in row 2"),
        (CsvLimits(url_characters_max=len(A)), "Image URL too long in row 3"),
    ],
)
def test_limits_hold_for_files_of_one_url_a_row(limits: CsvLimits, detail: str) -> None:
    text = HEADER + f"1,Chai,{A}\n2,Table,{A}\n3,Lamp,{A}0\n"
    assert len(read(text)) == 3
    assert refusal(text, limits=limits).detail == detail


def test_a_row_with_two_faults_is_reported_once() -> None:
    errors = refusal(HEADER + f"1,A,{A}\n1,B,nope\nx,C,{A}\ny,D,{A}\n").errors
    assert [(error["row"], error["message"]) for error in errors] == [
        (2, "Invalid image URL format in row 2"),
        (3, "Invalid serial number in row 3"),
        (4, "Invalid serial number in row 4"),
    ]


def test_limits_hold_exactly_at_their_edge() -> None:
    limits = CsvLimits(rows_max=2, urls_per_row_max=2, name_characters_max=5, url_characters_max=len(A))
    assert len(read(f"{HEADER}1,Chair,{A},{A}\n2,Table,{A}\n", limits=limits)) == 3


def endless(start: bytes, more: bytes) -> Iterator[bytes]:
    yield start
    for _ in range(4 * RECORD_BYTES_MAX // len(more)):
        yield more
    pytest.fail("read on and on")


@pytest.mark.parametrize("more", [b"x" * 65_536, b'"\n",' * 16_384, b"," * 65_536, b'"x\n",' * 16_384])
def test_a_record_without_end_is_refused_before_it_fills_the_memory(more: bytes) -> None:
    with pytest.raises(InvalidCsv, match="Error validating CSV"):
        list(read_product_csv(endless(HEADER.encode() + b"1,Chair,", more), limits=CsvLimits()))


def test_an_unclosed_quote_is_refused_in_its_row() -> None:
    assert refusal(HEADER + f'1,A,{A}\n2,"B,{A}\n3,C,{A}\n').detail == "Missing data in row 2"


def test_memory_stays_flat_however_many_rows_there_are() -> None:
    def rows() -> Iterator[bytes]:
        yield HEADER.encode()
        for number in range(20_000):
            yield f"{number},Product {number},{A}?{'x' * 200}{number}\n".encode()

    tracemalloc.start()
    count = sum(1 for _ in read_product_csv(rows(), limits=CsvLimits()))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak_bytes < 1_500_000
