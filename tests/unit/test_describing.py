"""Pictures described by what was measured."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from services.enhancer.describing import Look, colour_name, describe, dominant_colours

PLAIN = Look(width=800, height=600, brightness=120, contrast=50, blur=1.0, colours=("red", "white"), characters=100)
BYTE = st.integers(0, 255)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Landscape picture, mostly red and white, sharp; some text."),
        ({"width": 600, "height": 800}, "Portrait picture, mostly red and white, sharp; some text."),
        ({"width": 600}, "Square picture, mostly red and white, sharp; some text."),
        ({"brightness": 20, "colours": ("black",)}, "Landscape picture, mostly black, dark, sharp; some text."),
        ({"brightness": 220}, "Landscape picture, mostly red and white, bright, sharp; some text."),
        ({"contrast": 90}, "Landscape picture, mostly red and white, with strong contrast, sharp; some text."),
        ({"contrast": 10}, "Landscape picture, mostly red and white, with weak contrast, sharp; some text."),
        ({"contrast": 1}, "Landscape picture, mostly red and white, plain; some text."),
        ({"blur": 1.8}, "Landscape picture, mostly red and white, slightly soft; some text."),
        ({"blur": 5.0}, "Landscape picture, mostly red and white, blurred; some text."),
        ({"blur": 0.0, "colours": ()}, "Landscape picture; some text."),
        ({"characters": 0}, "Landscape picture, mostly red and white, sharp; no text."),
        ({"characters": 9}, "Landscape picture, mostly red and white, sharp; a little text."),
        ({"characters": 900}, "Landscape picture, mostly red and white, sharp; much text."),
        ({"colours": ("red", "grey", "blue")}, "Landscape picture, mostly red, grey and blue, sharp; some text."),
    ],
)
def test_a_sentence_says_what_was_measured(changes: dict[str, object], sentence: str) -> None:
    assert describe(replace(PLAIN, **changes)) == sentence


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((220, 20, 20), "red"),
        ((255, 140, 0), "orange"),
        ((120, 70, 20), "brown"),
        ((240, 220, 40), "yellow"),
        ((30, 160, 60), "green"),
        ((40, 200, 200), "turquoise"),
        ((40, 60, 200), "blue"),
        ((130, 40, 200), "purple"),
        ((255, 150, 200), "pink"),
        ((255, 180, 180), "pink"),
        ((255, 0, 10), "red"),
    ],
)
def test_colours_are_called_by_their_names(colour: tuple[int, int, int], name: str) -> None:
    assert colour_name(*colour) == name


@given(BYTE, BYTE, BYTE)
def test_every_colour_has_a_name(red: int, green: int, blue: int) -> None:
    assert colour_name(red, green, blue).isalpha()


def test_colours_of_few_pixels_are_not_told() -> None:
    red, white, blue = (220, 20, 20), (255, 255, 255), (20, 20, 220)
    assert dominant_colours([white] * 60 + [red] * 35 + [blue] * 5) == ("white", "red")
    assert dominant_colours([]) == ()
