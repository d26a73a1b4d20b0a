"""Who analyses, when two analyses are the same, and what is kept of an answer."""

import pytest
from hypothesis import given, strategies as st

from services.enhancer.analysis import FIELD_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from services.enhancer.domain import InvalidRecipe, analysis_fingerprint, analyzer_for, plan_rendition, tidied
from shared.errors import Permanent
from shared.facts import Analysis

BOTH = {"google_vision", "gemini"}


@pytest.mark.parametrize(
    ("asked", "preferred", "available", "analyser"),
    [
        ("auto", "auto", set(), "local"),
        ("auto", "auto", {"gemini"}, "gemini"),
        ("auto", "auto", BOTH, "google_vision"),
        ("auto", "local", BOTH, "local"),
        ("auto", "gemini", BOTH, "gemini"),
        ("local", "gemini", BOTH, "local"),
        ("gemini", "local", BOTH, "gemini"),
        ("google_vision", "auto", BOTH, "google_vision"),
    ],
)
def test_the_recipe_decides_then_the_setting_then_the_keys(
    asked: str, preferred: str, available: set[str], analyser: str
) -> None:
    assert analyzer_for(asked, preferred, available) == analyser


@pytest.mark.parametrize(("asked", "preferred"), [("gemini", "auto"), ("auto", "gemini"), ("google_vision", "local")])
def test_a_provider_without_keys_is_said_to_be_without(asked: str, preferred: str) -> None:
    with pytest.raises(Permanent) as caught:
        analyzer_for(asked, preferred, set())
    assert caught.value.problem == "provider_not_configured"


@pytest.mark.parametrize("asked", ["", "openai", "LOCAL"])
def test_unknown_analysers_are_refused(asked: str) -> None:
    with pytest.raises(InvalidRecipe):
        analyzer_for(asked, "auto", BOTH)


def test_analyses_by_others_or_by_other_models_are_others() -> None:
    assert analysis_fingerprint({}, "local", "1") == analysis_fingerprint({}, "local", "1")
    assert len({analysis_fingerprint({}, *who) for who in (("local", "1"), ("local", "2"), ("gemini", "1"))}) == 3


def test_analyses_take_no_params() -> None:
    assert plan_rendition({"operation": "analyze"}) == ("analyze", {})
    with pytest.raises(InvalidRecipe):
        analysis_fingerprint({"language": "en"}, "local", "1")


def test_answers_lose_what_tables_and_files_cannot_hold() -> None:
    said = Analysis(text_content="one\r\ntwo\x00\x07three\ttab\n", store_name="\ud800 A\u2028B ", store_image=True)
    assert tidied(said) == Analysis(text_content="one\ntwo three tab", store_name="A B", store_image=True)


@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_answer_can_be_written_down(text: str) -> None:
    kept = tidied(Analysis(text_content=text, image_description=text))
    assert "\x00" not in kept.text_content
    assert kept.text_content.encode().decode() == kept.text_content
    assert tidied(kept) == kept


def test_answers_are_of_bounded_length() -> None:
    long = "x" * 100_000
    kept = tidied(Analysis(text_content=long, store_name=long, business_contact=long, image_description=long))
    assert len(kept.text_content) == TEXT_CHARACTERS_MAX
    assert {len(kept.store_name), len(kept.business_contact), len(kept.image_description)} == {FIELD_CHARACTERS_MAX}
