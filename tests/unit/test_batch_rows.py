"""What a CSV of URLs may look like, what is taken from it, and what is said about one that may not be."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from services.gateway.batches.rows import NO_URLS, URL_COLUMNS, RowLimits, read_batch_csv
from services.gateway.csv_records import InvalidCsv

A, B, C = "https://a.example/1.jpg", "http://b.example/2.png", "https://c.example/3.webp?w=1&h=2"


def pieces(content: str | bytes, chunk_bytes: int) -> Iterator[bytes]:
    data = content.encode() if isinstance(content, str) else content
    return (data[start : start + chunk_bytes] for start in range(0, len(data), chunk_bytes))


def read(content: str | bytes, *, chunk_bytes: int = 7, **limits: int) -> list[tuple[Any, ...]]:
    return list(read_batch_csv(pieces(content, chunk_bytes), limits=RowLimits(**limits)).images())


def urls(content: str | bytes, **options: int) -> list[str]:
    return [image[5] for image in read(content, **options)]


def columns(content: str) -> tuple[str, ...]:
    rows = read_batch_csv(pieces(content, 7), limits=RowLimits())
    assert list(rows.images())
    return rows.columns


def refusal(content: str | bytes, **limits: int) -> str:
    with pytest.raises(InvalidCsv) as caught:
        read(content, **limits)
    return caught.value.detail


def test_the_documented_example_is_three_images() -> None:
    assert read(f"url\n{A}\n{B}\n{C}\n") == [(1, 1, "", 0, 1, A), (2, 2, "", 0, 1, B), (3, 3, "", 0, 1, C)]


@pytest.mark.parametrize("name", URL_COLUMNS)
def test_2_05_the_url_column_has_one_of_four_names(name: str) -> None:
    assert urls(f"{name}\n{A}\n{B}\n") == [A, B]


@pytest.mark.parametrize("name", ["Url", "urls", "foo", "IMAGE_URL", "https://a.example/1.jpg", ""])
def test_2_04_a_file_without_a_url_column_has_no_urls(name: str) -> None:
    assert refusal(f"{name},x\n{A},1\n") == NO_URLS


@pytest.mark.parametrize("content", ["", "\n\n", "url\n", "url\nftp://x/1.jpg\n", "url\n\n ,\n", f"url;name\n{A};x\n"])
def test_2_04_a_file_without_urls_is_refused(content: str) -> None:
    assert refusal(content) == NO_URLS


def test_2_05_repeats_blanks_and_what_is_no_url_are_dropped_and_the_order_is_kept() -> None:
    text = f"url\n{B}\n\n  {A} \n{B}\nnowhere\nftp://x/1.jpg\n \nHTTP://upper.example/1.jpg\n{C}\n{A}\n"
    assert [(image[0], image[1], image[5]) for image in read(text)] == [(1, 1, B), (2, 2, A), (3, 8, C)]


@pytest.mark.parametrize("chunk_bytes", [1, 3, 1 << 20])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_2_05_byte_order_marks_line_ends_and_chunk_sizes_do_not_matter(
    encoding: str, newline: str, chunk_bytes: int
) -> None:
    text = f"\nurl\n{A}\n{B}\n".replace("\n", newline)
    assert urls(text.encode(encoding), chunk_bytes=chunk_bytes) == [A, B]


def test_each_row_has_the_first_url_column_that_is_not_blank() -> None:
    text = f"link,name,url,URL\n{A},one,{B},{C}\n{A},two, ,{C}\n{A},three,,\n,four,ftp://x,{C}\n"
    assert urls(text) == [B, C, A]


def test_an_unquoted_comma_ends_a_url_and_a_quoted_one_does_not() -> None:
    assert urls('url\nhttp://x.example/a,b.jpg\n"http://x.example/c,d.jpg"\n') == [
        "http://x.example/a",
        "http://x.example/c,d.jpg",
    ]


def test_what_stands_beside_the_url_is_carried_under_its_own_names() -> None:
    text = f'name,url,note\nChair,{A},"a, b"\nTable,{B}\nRug,{A},dropped\nLamp,{C},x,surplus\n'
    assert columns(text) == ("name", "note")
    assert [image[5:] for image in read(text)] == [
        (A, ("Chair", "a, b")),
        (B, ("Table", "")),
        (C, ("Lamp", "x")),
    ]


def test_columns_of_the_same_name_stay_two_and_other_url_columns_are_carried() -> None:
    text = f"note,url,note,link\n1,{A},2,{B}\n"
    assert columns(text) == ("note", "note", "link")
    assert read(text)[0][6] == ("1", "2", B)


def test_columns_without_a_name_at_the_end_are_not_columns() -> None:
    assert columns(f"url,name,,\n{A},x,y,z\n") == ("name",)


@pytest.mark.parametrize(
    ("content", "limits", "message"),
    [
        (f"url\n{A}\n{B}\n{C}\n", {"rows_max": 2}, "more than 2 URLs"),
        ("url,a,b\n", {"columns_max": 1}, "more than 1 columns beside the URL's in the header"),
        ("url,abc,def\n", {"carried_characters_max": 5}, "names of more than 5 characters in the header"),
        (
            f"url,a,b\n{A},12,345\n{B},123,456\n",
            {"carried_characters_max": 5},
            "row 2 has more than 5 characters beside its URL",
        ),
        (f"url\n{B}\nhttp://{'x' * 60}\n", {"url_characters_max": 40}, "the URL in row 2 has more than 40 characters"),
        ("url\nhttp://x/\0.jpg\n", {}, "row 1 holds a NUL character"),
        (f"url,name\n{A},\0\n", {}, "row 1 holds a NUL character"),
        (f"url,na\0me\n{A},x\n", {}, "it holds NUL characters; UTF-16 needs its byte order mark"),
        (f"url\n{A}\n".encode("utf-16-le"), {}, "it holds NUL characters; UTF-16 needs its byte order mark"),
        (b"url\nhttps://a.example/\xff.jpg\n", {}, "File is not UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\xff\xfe", {}, "File is not UTF-8"),
        ('url\n"' + "x" * 200_000, {}, "field larger than field limit (131072)"),
        ("url\n" + ",".join("x" * 100_000 for _ in range(30)), {}, "a row is too long"),
    ],
    ids=range(13),
)
def test_a_file_that_is_refused_says_why(content: str | bytes, limits: dict[str, int], message: str) -> None:
    assert refusal(content, **limits) == f"Invalid CSV format: {message}"


def test_a_limit_is_reached_by_what_is_kept_alone() -> None:
    text = f"url,name\n{A},{'x' * 9}\n{A},{'x' * 99}\nnowhere,\0\n{B},\n"
    assert urls(text, rows_max=2, carried_characters_max=9) == [A, B]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", " ", "nowhere", *(f"http://{host}/1.jpg" for host in "abcdefgh")]),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
        )
    ),
    st.integers(1, 50),
)
@settings(max_examples=200)
def test_what_is_read_is_what_a_plain_reader_would_keep(rows: list[tuple[str, str]], chunk_bytes: int) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([("url", "note"), *rows])
    wanted = list(dict.fromkeys(url for url, _ in rows if url.startswith("http://")))
    if not wanted:
        assert refusal(file.getvalue()) == NO_URLS
        return
    found = read(file.getvalue(), chunk_bytes=chunk_bytes)
    notes = {url: note for url, note in reversed(rows)}
    assert [(image[0], image[5]) for image in found] == list(enumerate(wanted, start=1))
    assert [image[6] for image in found] == [(notes[url].lstrip(" "),) for url in wanted]


@given(st.binary(max_size=300), st.sampled_from([b"", b"url\n", b"\xff\xfe", b"url,a\nhttp://x/1,", b'url\n"http://']))
def test_any_bytes_are_read_or_refused(content: bytes, start: bytes) -> None:
    rows = read_batch_csv([start + content], limits=RowLimits())
    try:
        found = list(rows.images())
    except InvalidCsv as error:
        assert error.detail.startswith((NO_URLS, "Invalid CSV format: "))
    else:
        assert [image[0] for image in found] == list(range(1, len(found) + 1))
        assert all(image[5].startswith(("http://", "https://")) for image in found)


@pytest.mark.parametrize(
    "record", ["," * 1_000_000, f"http://x/,{'🪑' * 100_000}", f"http://x/,{'x' * 130_000}"], ids=range(3)
)
def test_memory_stays_flat_however_large_records_are(record: str) -> None:
    line = (record + "\n").encode()
    tracemalloc.start()
    with suppress(InvalidCsv):
        list(read_batch_csv(chain([b"url,name\n"], repeat(line, 20)), limits=RowLimits()).images())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def test_memory_stays_flat_however_many_rows_there_are() -> None:
    def rows(number: int) -> Iterator[bytes]:
        yield b"url,name\n"
        for each in range(number):
            yield b"https://images.example.com/catalog/%d.jpg,Chair %d\n" % (each, each)

    def peak_bytes(number: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in read_batch_csv(rows(number), limits=RowLimits()).images()) == number
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(60_000) - peak_bytes(1_000) < 40 * 60_000
