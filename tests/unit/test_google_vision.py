"""Cloud Vision's answers, good, bad and hostile, become analyses and problems."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from services.enhancer.analysis import FIELD_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from services.enhancer.providers.dialect import Found
from services.enhancer.providers.google_vision import GoogleVision
from services.enhancer.providers.verdicts import KeyRefused, KeySlowed
from shared.errors import Permanent, Problem, Transient
from shared.facts import Analysis
from tests.provider_servers import answers

VISION = GoogleVision(feature_cost_micros=1_500)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PARTS = ("error", "fullTextAnnotation", "textAnnotations", "labelAnnotations", "logoAnnotations")


def read(answer: Any) -> Found:
    """What is made of an answer."""
    return VISION.read(json.dumps(answer).encode())


def analysis(answer: Any) -> Analysis:
    """The analysis in an answer."""
    said = read(answer).said
    assert isinstance(said, Analysis), said
    return said


def problem(answer: Any) -> Problem:
    """The problem in an answer."""
    said = read(answer).said
    assert isinstance(said, Problem), said
    return said


def test_text_labels_and_logos_are_asked_for() -> None:
    (request,) = json.loads(VISION.request(b"\xff\xd8 picture"))["requests"]
    assert base64.b64decode(request["image"]["content"]) == b"\xff\xd8 picture"
    assert [feature["type"] for feature in request["features"]] == [
        "TEXT_DETECTION",
        "LABEL_DETECTION",
        "LOGO_DETECTION",
    ]


def test_a_shop_front_is_described_by_its_text_and_labels() -> None:
    found = read(answers.vision_answer())
    assert found.cost_micros == 4_500
    assert found.said == Analysis(
        store_image=True,
        text_content=answers.SHOP_TEXT,
        store_name="CORNER BAKERY",
        business_contact="030 1234567, www.corner-bakery.example.com",
        image_description="Storefront, Building, Facade, Signage, Window",
    )


def test_the_best_logo_is_the_name() -> None:
    assert analysis(answers.vision_answer(logos=("Acme", "Other"))).store_name == "Acme"


def test_the_surest_logo_and_label_come_first() -> None:
    response = {
        "logoAnnotations": [{"description": "Weak", "score": 0.2}, {"description": "Strong", "score": 0.9}],
        "labelAnnotations": [{"description": "Tree", "score": 0.1}, {"description": "Sky", "score": 0.9}],
    }
    found = analysis({"responses": [response]})
    assert (found.store_name, found.image_description) == ("Strong", "Sky, Tree")


@pytest.mark.parametrize(
    ("labels", "logos", "is_shop"),
    [
        (("Convenience store",), (), True),
        (("Electronic signage",), (), True),
        (("Retail",), (), True),
        ((), ("The Body Shop",), True),
        (("Sky", "Tree"), (), False),
        (("Coffee", "Wine", "Flowers"), (), False),
        (("Storey", "Workshopping"), (), False),
        ((), ("Acme",), False),
    ],
)
def test_it_is_a_shop_when_a_label_or_logo_says_so(
    labels: tuple[str, ...], logos: tuple[str, ...], is_shop: bool
) -> None:
    assert analysis(answers.vision_answer(text="", heights=(), labels=labels, logos=logos)).store_image is is_shop


def test_the_largest_line_is_the_name_wherever_it_stands() -> None:
    found = analysis(answers.vision_answer(text="Miller\nGRAND PALACE\nsince 1901", heights=(20, 90, 20)))
    assert found.store_name == "GRAND PALACE"


def test_nothing_found_is_a_success() -> None:
    assert read({"responses": [{}]}) == Found(Analysis(), 4_500)


def test_text_without_places_is_taken() -> None:
    found = analysis({"responses": [{"textAnnotations": [{"description": "Tel. 030 1234567"}, {"description": "x"}]}]})
    assert found == Analysis(text_content="Tel. 030 1234567", business_contact="030 1234567")


def test_what_is_kept_is_bounded_and_readable() -> None:
    huge = {
        "fullTextAnnotation": {"text": "A\x00\x1b[31m\u202e" + "b" * 100_000},
        "labelAnnotations": [{"description": "L\n\x00" + "l" * 5_000, "score": 1}] * 3,
        "logoAnnotations": [{"description": "G\x07" + "g" * 5_000, "score": 1}],
    }
    found = analysis({"responses": [huge]})
    assert len(found.text_content) == TEXT_CHARACTERS_MAX
    assert found.text_content.startswith("A[31m")
    assert len(found.store_name) == len(found.image_description) == FIELD_CHARACTERS_MAX
    assert "\x00" not in found.model_dump_json() + found.store_name + found.image_description


@pytest.mark.parametrize(
    ("code", "error", "name"),
    [
        (3, Permanent, "provider_rejected"),
        (11, Permanent, "provider_rejected"),
        (7, KeyRefused, "provider_refused"),
        (16, KeyRefused, "provider_refused"),
        (8, KeySlowed, "provider_quota"),
        (4, Transient, "provider_timeout"),
        (13, Transient, "provider_unavailable"),
        (14, Transient, "provider_unavailable"),
        (99, Transient, "provider_unavailable"),
    ],
)
def test_an_error_inside_an_answer_is_the_images(code: int, error: type[Problem], name: str) -> None:
    found = problem(answers.vision_image_error(code))
    assert (type(found), found.problem) == (error, name)
    assert "Bad image data." in found.detail


def test_a_failed_image_costs_nothing() -> None:
    assert read(answers.vision_image_error(3)).cost_micros == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"true",
        b"<html>",
        b"\xff\xfe",
        b'{"responses": null}',
        b'{"responses": []}',
        b'{"responses": {}}',
        b'{"responses": [null]}',
        b'{"responses": [[]]}',
        b'{"responses": [{"labelAnnotations": {}}]}',
        b'{"responses": [{"labelAnnotations": [null]}]}',
        b'{"responses": [{"labelAnnotations": [{"description": 7}]}]}',
        b'{"responses": [{"labelAnnotations": [{"score": NaN}]}]}',
        b'{"responses": [{"labelAnnotations": [{"score": 1e999}]}]}',
        b'{"responses": [{"fullTextAnnotation": {"text": ["a"]}}]}',
        b'{"responses": [{"fullTextAnnotation": {"pages": [{"width": 1e300}]}}]}',
        b'{"responses": [{"error": "no"}]}',
        b'{"responses": [{"fullTextAnnotation": {"text": "\\ud800"}}]}',
        b'{"responses": ' + b"[" * 100_000,
        b'{"responses": [{"fullTextAnnotation": {"text": "cut of',
    ],
    ids=range(23),
)
def test_garbage_may_be_better_next_time(body: bytes) -> None:
    said = VISION.read(body).said
    assert isinstance(said, Transient)
    assert said.problem == "provider_garbage"


@given(st.dictionaries(st.sampled_from(PARTS), ANY_JSON))
def test_nothing_that_is_answered_is_an_accident(response: dict[str, Any]) -> None:
    assert isinstance(read({"responses": [response]}).said, Analysis | Problem)


@given(st.lists(st.text(min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=4))
def test_any_words_become_lines(words: list[str]) -> None:
    paragraph = {"words": [answers.vision_word(word, -5, 3, 20, "LINE_BREAK") for word in words]}
    page = {"width": 100, "height": 50, "blocks": [{"paragraphs": [paragraph]}]}
    assert isinstance(read({"responses": [{"fullTextAnnotation": {"text": "x", "pages": [page]}}]}).said, Analysis)
