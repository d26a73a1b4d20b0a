"""Lines of text in a picture, and what they tell of shops."""

import pytest
from hypothesis import given, strategies as st

from services.enhancer.signs import Line, looks_like_a_shop_front, most_prominent_line, words_of_shops

WIDTH, HEIGHT = 1_000, 800
SIZES = st.floats(-1e6, 1e6)
LINES = st.builds(
    Line, text=st.text(max_size=60), height=SIZES, width=SIZES, left=SIZES, top=SIZES, confidence=st.floats(0, 1)
)


def line(text: str, height: float = 40, top: float = 300, confidence: float = 1.0) -> Line:
    """A line in the middle of the picture."""
    width = height * len(text) * 0.6
    return Line(text, height, width, (WIDTH - width) / 2, top, confidence)


def name(*lines: Line) -> str:
    return most_prominent_line(lines, WIDTH, HEIGHT)


def is_shop(*lines: Line) -> bool:
    return looks_like_a_shop_front(lines, WIDTH, HEIGHT)


def test_the_line_with_the_largest_letters_is_the_name() -> None:
    assert name(line("since 1890"), line("Miller  & Sons", 90), line("Main Street 12", 30)) == "Miller & Sons"


def test_a_line_that_names_a_trade_counts_more() -> None:
    assert name(line("GOLDEN BAKERY", 50), line("Miller", 60)) == "GOLDEN BAKERY"


@pytest.mark.parametrize("text", ["OPEN", "Sale", "geöffnet", "030 1234567", "www.shop.de", "50 %", "A", ""])
def test_what_every_door_says_is_no_name(text: str) -> None:
    assert name(line(text, 200)) == ""
    assert name(line(text, 200), line("Miller", 30)) == "Miller"


def test_text_that_is_hard_to_read_counts_less() -> None:
    assert name(line("xqjwz", 60, confidence=0.5), line("Miller", 50)) == "Miller"


def test_a_picture_without_text_has_no_name_and_no_sign() -> None:
    assert name() == ""
    assert not is_shop()


def test_words_of_shops_are_known_with_accents_and_in_compounds() -> None:
    assert words_of_shops("Café Müller") == {"cafe"}
    assert words_of_shops("BÄCKEREI & Blumenladen") == {"backerei", "blumenladen"}
    assert words_of_shops("北京药房超市")
    assert words_of_shops("Nothing of that kind, barely a word") == set()


def test_a_readable_line_that_names_a_trade_is_a_sign() -> None:
    assert is_shop(line("Golden Bakery", 40))
    assert not is_shop(line("Golden Bakery", 10))
    assert not is_shop(line("Golden Bakery", 40, confidence=0.3))


def test_large_letters_that_stand_out_are_a_sign() -> None:
    assert is_shop(line("MILLER & SONS", 90), line("since 1890", 20), line("fine goods", 20))
    assert not is_shop(line("MILLER & SONS", 20))
    assert not is_shop(line("MILLER & SONS", 90, top=700))
    assert not is_shop(*[line("MILLER & SONS", 90)] * 4)


def test_a_page_of_text_is_no_sign() -> None:
    assert not is_shop(line("My Bakery Book", 100), *[line("words and words", 12) for _ in range(40)])


@given(st.lists(LINES, max_size=8), st.integers(0, 5_000), st.integers(0, 5_000))
def test_any_lines_are_judged(lines: list[Line], width: int, height: int) -> None:
    assert isinstance(most_prominent_line(lines, width, height), str)
    assert isinstance(looks_like_a_shop_front(lines, width, height), bool)
