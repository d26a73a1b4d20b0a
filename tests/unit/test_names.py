"""Names in archives and headers."""

import unicodedata

import pytest
from aiohttp import content_disposition_filename, parse_content_disposition
from hypothesis import example, given, strategies as st

from shared.names import NAME_BYTES_MAX, NameRegister, content_disposition, safe_name, stem_of

DEVICES = {"con", "prn", "aux", "nul", "com1", "lpt9", "com¹"}


@pytest.mark.parametrize(
    ("text", "extension", "name"),
    [
        ("Chair", "jpg", "Chair.jpg"),
        ("Chair", ".jpg", "Chair.jpg"),
        ("Chair", "", "Chair"),
        ("../../etc/passwd", "jpg", "_.._etc_passwd.jpg"),
        ("C:\\x", "jpg", "C__x.jpg"),
        ("kitchen v2.1", "png", "kitchen v2.1.png"),
        ('12/3 "Höhe" 東京', "jpg", "12_3 _Höhe_ 東京.jpg"),
        ("हिन्दी", "jpg", "हिन्दी.jpg"),
        ("nul", "jpg", "_nul.jpg"),
        ("Con.tract", "jpg", "_Con.tract.jpg"),
        ("contract", "jpg", "contract.jpg"),
        ("com¹", "", "_com¹"),
        ("-rf", "", "_rf"),
        (" . ", "jpg", "unnamed.jpg"),
        ("", "", "unnamed"),
        (".bashrc", "", "bashrc"),
        ("trailing. ", "", "trailing"),
        ("a\x00b\nc\u202ed", "", "a_b_c_d"),
        ("Cafe\u0301", "", "Caf\u00e9"),
    ],
)
def test_a_name_is_made_safe(text: str, extension: str, name: str) -> None:
    assert safe_name(text, extension) == name


def test_a_long_name_is_cut_between_characters_and_keeps_its_ending() -> None:
    name = safe_name("東" * 100, "jpg", suffix="-12")
    assert name.endswith("東-12.jpg")
    assert NAME_BYTES_MAX - 2 <= len(name.encode()) <= NAME_BYTES_MAX


@given(st.text(max_size=200), st.sampled_from(["", "jpg"]), st.sampled_from(["", "-7"]))
def test_no_text_makes_an_unsafe_name(text: str, extension: str, suffix: str) -> None:
    name = safe_name(text, extension, suffix=suffix)
    assert 0 < len(name.encode()) <= NAME_BYTES_MAX
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert name == unicodedata.normalize("NFC", name)
    assert name[0] not in " .-"
    assert name[-1] not in " ."
    assert name.partition(".")[0].strip().lower() not in DEVICES
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("file_name", "stem"),
    [
        ("../../etc/x", "x"),
        ("C:\\photos\\x.PNG", "x"),
        ("kitchen v2.1", "kitchen v2.1"),
        ("kitchen v2.1.jpeg", "kitchen v2.1"),
        ("photo.final.png", "photo.final"),
        (".jpg", ""),
    ],
)
def test_a_stem_loses_folders_and_the_extension_of_an_image(file_name: str, stem: str) -> None:
    assert stem_of(file_name) == stem


def test_names_that_differ_in_case_or_form_only_get_numbers() -> None:
    register = NameRegister()
    asked = ["photo.jpg", "PHOTO.jpg", "photo.jpg", "photo_2.jpg", "photo.jpg", "photo.png", "ﬁn.jpg", "fin.jpg"]
    assert [register.claim(name) for name in asked] == [
        "photo.jpg",
        "PHOTO_1.jpg",
        "photo_2.jpg",
        "photo_2_1.jpg",
        "photo_3.jpg",
        "photo.png",
        "ﬁn.jpg",
        "fin_1.jpg",
    ]


def test_a_numbered_name_stays_within_the_limit() -> None:
    register = NameRegister()
    name = safe_name("東" * 100, "jpg")
    claimed = [register.claim(name) for _ in range(12)]
    assert len(set(claimed)) == 12
    assert all(len(each.encode()) <= NAME_BYTES_MAX and each.endswith(".jpg") for each in claimed)


@given(st.lists(st.sampled_from(["a", "A", "a_1", "A_1", "a_1_1", "b", "ß", "ss", "a_2"]), max_size=40))
def test_no_name_is_handed_out_twice(names: list[str]) -> None:
    register = NameRegister()
    claimed = [register.claim(name).casefold() for name in names]
    assert len(set(claimed)) == len(claimed)


def test_many_names_are_all_different_and_the_same_name_stays_cheap() -> None:
    register = NameRegister()
    claimed = {register.claim(f"n{number % 5000}.jpg") for number in range(20_000)}
    assert len(claimed) == 20_000


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("results.csv", 'attachment; filename="results.csv"'),
        ("Höhe.zip", "attachment; filename=\"Hohe.zip\"; filename*=UTF-8''H%C3%B6he.zip"),
        ("東京.zip", "attachment; filename=\"__.zip\"; filename*=UTF-8''%E6%9D%B1%E4%BA%AC.zip"),
        ('a"b/c\\d%41.zip', 'attachment; filename="a_b_c_d_41.zip"'),
        ("a\r\nSet-Cookie: x.csv", 'attachment; filename="a__Set-Cookie: x.csv"'),
    ],
)
def test_a_name_in_a_header(name: str, header: str) -> None:
    assert content_disposition(name) == header


@example(";;")  # simple parsers split at semicolons, also in quotes
@given(st.text(min_size=1, max_size=60))
def test_every_name_makes_a_header_that_parsers_read_back(name: str) -> None:
    header = content_disposition(name, inline=True)
    assert header.isascii()
    assert header.isprintable()
    kind, parameters = parse_content_disposition(header)
    read = content_disposition_filename(parameters)
    assert kind == "inline"
    assert read is not None
    assert read.isprintable()
    assert not set(read) & set('/\\"%')
    assert not set(parameters["filename"]) & set('/\\"%')
    if name.isprintable() and not set(name) & set('/\\"%'):
        assert read == unicodedata.normalize("NFC", name)
