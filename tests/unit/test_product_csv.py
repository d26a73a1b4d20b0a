"""What a product CSV may look like, and what is said about one that may not."""

import csv
import io

import pytest
from hypothesis import example, given, settings, strategies as st

from services.gateway.product_csv import CsvLimits, InvalidCsv, ProductImage, read_product_csv
from tests.product_files import HEADER, A, B, C, read, refusal


def products(images: list[ProductImage]) -> list[tuple[int, str, list[str]]]:
    found: dict[int, tuple[int, str, list[str]]] = {}
    for image in images:
        _, _, urls = found.setdefault(image.item, (image.serial, image.name, []))
        assert image.position == len(urls)
        urls.append(image.url)
    sizes = {image.item: image.item_size for image in images}
    assert sizes == {item: len(urls) for item, (_, _, urls) in found.items()}
    return list(found.values())


def test_the_documented_example_is_two_products_with_three_images() -> None:
    text = HEADER + (
        "1,SKU1,https://example.com/image1.jpg,https://example.com/image2.jpg\n2,SKU2,https://example.com/image3.jpg\n"
    )
    assert read(text) == [
        ProductImage(1, 1, "SKU1", 0, 2, "https://example.com/image1.jpg"),
        ProductImage(1, 1, "SKU1", 1, 2, "https://example.com/image2.jpg"),
        ProductImage(2, 2, "SKU2", 0, 1, "https://example.com/image3.jpg"),
    ]


def test_the_three_layouts_may_stand_in_one_file() -> None:
    text = HEADER + f'1,Chair,{A},{B}\n2,Table,"{A}, {B}"\n3,"Lamp, red",{C}\n4, "Rug, ""new""", "{A}",{B}\n'
    assert products(read(text)) == [
        (1, "Chair", [A, B]),
        (2, "Table", [A, B]),
        (3, "Lamp, red", [C]),
        (4, 'Rug, "new"', [A, B]),
    ]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 64, 1 << 20])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_line_ends_and_chunk_sizes_do_not_matter(encoding: str, newline: str, chunk_bytes: int) -> None:
    text = f"\n{HEADER}\n1,Stühle \u2028 椅子 🪑,{A}\n  \n,,\n2,Table,{B}\n\n".replace("\n", newline)
    assert products(read(text.encode(encoding), chunk_bytes=chunk_bytes)) == [
        (1, "Stühle \u2028 椅子 🪑", [A]),
        (2, "Table", [B]),
    ]


def test_big_endian_utf_16_is_read_by_its_byte_order_mark() -> None:
    assert products(read(("\ufeff" + HEADER + f"1,Chair,{A}\n").encode("utf-16-be"))) == [(1, "Chair", [A])]


def test_a_line_break_inside_a_quoted_name_stays_and_the_row_number_counts_records() -> None:
    text = HEADER + f'1,"Chair\nred",{A}\n\n2,Table,{B}\n\n3,Lamp,notaurl\n'
    assert read(text.replace("3,Lamp,notaurl\n", ""))[0].name == "Chair\nred"
    assert refusal(text).detail == "Invalid image URL format in row 3"


def test_trailing_empty_fields_are_dropped_also_from_the_header_and_the_quoted_list() -> None:
    text = f'S. No.,Product Name,Input Image Urls,,\n1,Chair,{A},,\n2,Table,"{A},{B},",\n'
    assert products(read(text)) == [(1, "Chair", [A]), (2, "Table", [A, B])]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Input Image Urls,S. No.,Product Name", f'{A},{B},1,Chair\n{C},2,"Lamp, red"'),
        ("S. No.,Input Image Urls,Product Name", f'1,{A},{B},Chair\n2,{C},"Lamp, red"'),
        (" Product Name , S. No. , Input Image Urls ", f'Chair,1,{A},{B}\n"Lamp, red",2,{C}'),
    ],
)
def test_columns_are_found_by_name_and_surplus_fields_belong_to_the_urls(header: str, rows: str) -> None:
    assert products(read(f"{header}\n{rows}\n")) == [(1, "Chair", [A, B]), (2, "Lamp, red", [C])]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "Missing required columns"),
        ("\n\n", "Missing required columns"),
        ("S. No.,Product Name\n1,Chair\n", "Missing required columns"),
        (f"s. no.,product name,input image urls\n1,Chair,{A}\n", "Missing required columns"),
        (f"S. No.;Product Name;Input Image Urls\n1;Chair;{A}\n", "Missing required columns"),
        (f"S. No.,Product Name,Input Image Urls,Colour\n1,Chair,{A},red\n", "Invalid number of columns"),
        (f"S. No.,,Product Name,Input Image Urls\n1,,Chair,{A}\n", "Invalid number of columns"),
        (HEADER, "no data rows"),
        (HEADER + "\n \n,,\n", "no data rows"),
    ],
)
def test_a_fault_of_the_header_is_named(text: str, detail: str) -> None:
    assert refusal(text).detail == detail


@pytest.mark.parametrize(
    ("row", "column", "detail"),
    [
        ("1,SKU1,", "Input Image Urls", "Missing data in row 1"),
        ("1,SKU1", "Input Image Urls", "Missing data in row 1"),
        ('1,SKU1,","', "Input Image Urls", "Missing data in row 1"),
        ("1,,http://x", "Product Name", "Missing data in row 1"),
        ("1", "Product Name", "Missing data in row 1"),
        (f" ,SKU1,{A}", "S. No.", "Missing data in row 1"),
        ("1,SKU1,notaurl", "Input Image Urls", "Invalid image URL format in row 1"),
        ("1,SKU1,httpfoo", "Input Image Urls", "Invalid image URL format in row 1"),
        ("1,SKU1,http://", "Input Image Urls", "Invalid image URL format in row 1"),
        ("1,SKU1,ftp://x/a.jpg", "Input Image Urls", "Invalid image URL format in row 1"),
        (f"1,SKU1,{A},notaurl", "Input Image Urls", "Invalid image URL format in row 1"),
        (f"1,SKU1,{A},,{B}", "Input Image Urls", "Invalid image URL format in row 1"),
        (f"1,Chair, red,{A}", "Input Image Urls", "Invalid image URL format in row 1"),
        ("1,SKU1,http://x/\0.jpg", "Input Image Urls", "Invalid image URL format in row 1"),
        ('1,SKU1,"http://x/\n.jpg"', "Input Image Urls", "Invalid image URL format in row 1"),
        ("1,SKU1,http://x/\x85.jpg", "Input Image Urls", "Invalid image URL format in row 1"),
        (f"abc,SKU1,{A}", "S. No.", "Invalid serial number in row 1"),
        (f"-1,SKU1,{A}", "S. No.", "Invalid serial number in row 1"),
        (f"1_0,SKU1,{A}", "S. No.", "Invalid serial number in row 1"),
        (f"١,SKU1,{A}", "S. No.", "Invalid serial number in row 1"),
        (f"{'9' * 19},SKU1,{A}", "S. No.", "Invalid serial number in row 1"),
        (f"1,SKU\0,{A}", "Product Name", "Invalid product name in row 1"),
    ],
)
def test_a_fault_of_a_row_is_named_with_its_row_and_column(row: str, column: str, detail: str) -> None:
    error = refusal(f"{HEADER}{row}\n")
    assert error.detail == detail
    assert (error.errors[0]["row"], error.errors[0]["column"]) == (1, column)


def test_a_comma_inside_a_url_is_refused_with_the_way_out() -> None:
    error = refusal(HEADER + "1,SKU1,https://cdn.example/w_300,h_200/a.jpg\n")
    assert error.detail == "Invalid image URL format in row 1"
    assert "'h_200/a.jpg'" in str(error.errors[0]["hint"])
    assert "%2C" in str(error.errors[0]["hint"])


@pytest.mark.parametrize("url", ["HTTPS://A.example/1.jpg", "http://x", "https://a.example/ü b\u00a0c.jpg"])
def test_unusual_urls_that_a_fetcher_may_judge_are_accepted(url: str) -> None:
    assert read(f"{HEADER}1,Chair,{url}\n")[0].url == url


def test_every_bad_row_is_reported_in_order_and_the_first_is_the_detail() -> None:
    text = HEADER + f"1,A,{A}\n2,B,notaurl\n3,,{A}\nx,D,{A}\n1,E,{A}\n6,F,{A}\n"
    assert [tuple(error.values())[:3] for error in refusal(text).errors] == [
        (2, "Input Image Urls", "Invalid image URL format in row 2"),
        (3, "Product Name", "Missing data in row 3"),
        (4, "S. No.", "Invalid serial number in row 4"),
        (5, "S. No.", "Duplicate serial number in row 5"),
    ]


def test_nothing_is_yielded_from_the_first_bad_row_on() -> None:
    rows = "".join(f"{number},P,{A}\n" for number in range(1, 2_000)).replace("\n1500,P,", "\n1500,,")
    reading = read_product_csv([HEADER.encode(), rows.encode()], limits=CsvLimits())
    seen = []
    with pytest.raises(InvalidCsv, match="Missing data in row 1500"):
        seen.extend(reading)
    assert [image.item for image in seen] == list(range(1, len(seen) + 1))
    assert len(seen) < 1_500


def test_at_most_a_hundred_faults_are_reported() -> None:
    error = refusal(HEADER + "".join(f"{number},P,nope\n" for number in range(5_000)))
    assert [fault["row"] for fault in error.errors] == list(range(1, 101))


@pytest.mark.parametrize("serial", ["1", "01", " 1 "])
def test_a_serial_number_may_occur_once_whatever_its_leading_zeros(serial: str) -> None:
    error = refusal(HEADER + f"1,A,{A}\n2,B,{A}\n{serial},C,{A}\n")
    assert error.detail == "Duplicate serial number in row 3"
    assert error.errors[0]["hint"] == "row 1 has it too"


def test_repeated_serial_numbers_are_found_far_apart_in_unordered_files() -> None:
    numbers = [(number * 7_919) % 200_003 for number in range(1, 80_000)]
    numbers[70_000] = numbers[3]
    error = refusal(HEADER + "".join(f"{number},P,{A}\n" for number in numbers), chunk_bytes=1 << 16)
    assert [fault["row"] for fault in error.errors] == [70_001]


def test_serial_numbers_in_any_order_are_accepted() -> None:
    numbers = [10**17, 5, 0, 999, 7]
    assert [image.serial for image in read(HEADER + "".join(f"{number},P,{A}\n" for number in numbers))] == numbers


@pytest.mark.parametrize(
    "data",
    [
        HEADER.encode() + f"1,Stühle,{A}\n".encode("latin-1"),
        (HEADER + f"1,Chair,{A}\n").encode("utf-16-le"),
        (HEADER + f"1,Chair,{A}\n").encode("utf-32"),
        ("\ufeff" + HEADER).encode("utf-16-le") + b"\x00",
        b"PK\x03\x04\x14\x00\x06\x00\x08\x00\xff\xd8\xff\xe0",
        b"\xff",
    ],
)
def test_anything_but_utf_8_and_marked_utf_16_is_refused(data: bytes) -> None:
    assert refusal(data).detail == "File is not UTF-8"


def test_a_file_that_stops_being_utf_8_is_refused_as_a_whole_and_its_rows_are_named_too() -> None:
    rows = "".join(f"{number},P,nope\n" if number == 3 else f"{number},P,{A}\n" for number in range(1, 2_000))
    error = refusal(HEADER.encode() + rows.encode() + b"\xff\n")
    assert [fault["message"] for fault in error.errors] == ["File is not UTF-8", "Invalid image URL format in row 3"]


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12).map(str.strip)
urls = st.builds(
    lambda scheme, rest: f"{scheme}://{rest}".strip(),
    st.sampled_from(["http", "https"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters=","), min_size=1, max_size=12),
)
catalogues = st.lists(st.tuples(names.filter(bool), st.lists(urls, min_size=1, max_size=4)), min_size=1, max_size=8)


def write_fields(rows: list[list[str]], quoting: int) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting).writerows([["S. No.", "Product Name", "Input Image Urls"], *rows])
    return text.getvalue()


@settings(max_examples=150, deadline=None)
@given(catalogue=catalogues, chunk_bytes=st.integers(1, 200), encoding=st.sampled_from(["utf-8", "utf-16"]))
@example(catalogue=[("\ufeff", ["http://\ufeff"])], chunk_bytes=1, encoding="utf-16")
def test_any_catalogue_reads_back_from_each_layout(
    catalogue: list[tuple[str, list[str]]], chunk_bytes: int, encoding: str
) -> None:
    own_fields = [[str(serial), name, *row] for serial, (name, row) in enumerate(catalogue)]
    one_list = [[str(serial), name, ",".join(row)] for serial, (name, row) in enumerate(catalogue)]
    expected = [(serial, name, row) for serial, (name, row) in enumerate(catalogue)]
    for text in (
        write_fields(own_fields, csv.QUOTE_MINIMAL),
        write_fields(one_list, csv.QUOTE_MINIMAL),
        write_fields(own_fields, csv.QUOTE_ALL),
    ):
        assert products(read(text.encode(encoding), chunk_bytes=chunk_bytes)) == expected
