"""Gemini's answers, as asked for, as models like to write, blocked and hostile, become analyses and problems."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from services.enhancer.analysis import FIELD_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from services.enhancer.providers.dialect import Found
from services.enhancer.providers.gemini import Gemini
from shared.errors import Permanent, Problem, Transient
from shared.facts import Analysis
from tests.provider_servers import answers

GEMINI = Gemini("gemini-2.0-flash", input_cost_micros=100_000, output_cost_micros=400_000)


def read(answer: Any) -> Found:
    """What is made of an answer."""
    return GEMINI.read(json.dumps(answer).encode())


def said_by_model(text: str) -> Analysis:
    """The analysis that is made of what the model wrote."""
    said = read(answers.gemini_answer(text)).said
    assert isinstance(said, Analysis), said
    return said


def test_the_five_fields_are_asked_for_as_json() -> None:
    body = json.loads(GEMINI.request(b"\xff\xd8 picture"))
    image, prompt = body["contents"][0]["parts"]
    assert image["inline_data"]["mime_type"] == "image/jpeg"
    assert base64.b64decode(image["inline_data"]["data"]) == b"\xff\xd8 picture"
    assert all(field in prompt["text"] for field in answers.FIELDS)
    assert body["generationConfig"]["responseMimeType"] == "application/json"
    assert set(body["generationConfig"]["responseSchema"]["required"]) == set(answers.FIELDS)
    assert GEMINI.path == "/v1beta/models/gemini-2.0-flash:generateContent"


def test_the_fields_are_taken_over_and_tokens_cost() -> None:
    found = read(answers.gemini_answer())
    assert found.said == Analysis.model_validate(answers.FIELDS)
    assert found.cost_micros == 140 + 48


def test_thinking_costs_and_is_not_the_answer() -> None:
    answer = answers.gemini_answer()
    answer["candidates"][0]["content"]["parts"].insert(0, {"text": "Let me see…", "thought": True})
    answer["usageMetadata"]["thoughtsTokenCount"] = 1_000
    found = read(answer)
    assert found.said == Analysis.model_validate(answers.FIELDS)
    assert found.cost_micros == 140 + 448


def test_an_answer_in_parts_is_put_together() -> None:
    answer, text = answers.gemini_answer(), json.dumps(answers.FIELDS)
    answer["candidates"][0]["content"]["parts"] = [{"text": text[:30]}, {"text": text[30:]}]
    assert read(answer).said == Analysis.model_validate(answers.FIELDS)


@pytest.mark.parametrize(
    "fence", ["```json\n{}\n```", "```\n{}\n```", "  ```JSON\n{}```\n"], ids=["json", "bare", "odd"]
)
def test_fences_are_taken_off(fence: str) -> None:
    assert said_by_model(fence.replace("{}", json.dumps(answers.FIELDS))) == Analysis.model_validate(answers.FIELDS)


@pytest.mark.parametrize(
    "text",
    ["I see a bakery. " * 30, "[1, 2]", '"text"', "null", "42", '{"other": 1}', '{"store_image": tr', "{" * 50_000],
    ids=["prose", "list", "string", "null", "number", "other fields", "cut", "deep"],
)
def test_an_answer_that_is_not_the_json_asked_for_is_text(text: str) -> None:
    plain = text.strip()
    assert said_by_model(text) == Analysis(
        store_image=False, text_content=plain[:TEXT_CHARACTERS_MAX], image_description=plain[:200]
    )


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("store_image", "true", True),
        ("store_image", "no", False),
        ("store_image", None, False),
        ("store_image", 1, False),
        ("store_name", None, ""),
        ("store_name", 7, "7"),
        ("store_name", {"name": "x"}, ""),
        ("store_name", "A\nB\x00", "A B"),
        ("business_contact", ["030 1", "a@b.example"], "030 1, a@b.example"),
        ("business_contact", [["x"], None, 3], "x, 3"),
        ("store_name", "n" * 5_000, "n" * FIELD_CHARACTERS_MAX),
        ("text_content", "t" * 50_000, "t" * TEXT_CHARACTERS_MAX),
    ],
    ids=range(12),
)
def test_fields_of_odd_types_are_taken_as_they_come(field: str, value: Any, kept: Any) -> None:
    assert getattr(said_by_model(json.dumps({**answers.FIELDS, field: value})), field) == kept


def test_a_blocked_prompt_is_the_images_fate() -> None:
    said = read(answers.gemini_blocked()).said
    assert isinstance(said, Permanent)
    assert (said.problem, "PROHIBITED_CONTENT" in said.detail) == ("provider_blocked", True)


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "SPII"])
def test_an_answer_held_back_is_the_images_fate(reason: str) -> None:
    said = read(answers.gemini_answer("", reason)).said
    assert isinstance(said, Permanent)
    assert (said.problem, reason in said.detail) == ("provider_blocked", True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (answers.gemini_answer('{"store_im', "MAX_TOKENS"), "MAX_TOKENS"),
        (answers.gemini_answer("", "STOP"), "no text"),
        (answers.gemini_answer("x", "OTHER"), "OTHER"),
        ({"candidates": []}, "no answer"),
        ({}, "no answer"),
        ({"candidates": [{}]}, "no text"),
    ],
    ids=range(6),
)
def test_an_answer_without_an_end_is_asked_for_once_more(answer: Any, words: str) -> None:
    said = read(answer).said
    assert isinstance(said, Transient)
    assert (said.problem, said.attempts_max, words in said.detail) == ("provider_garbage", 2, True)


def test_what_was_cut_off_costs_all_the_same() -> None:
    assert read(answers.gemini_answer("{", "MAX_TOKENS")).cost_micros == 188


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"<html>",
        b'{"candidates": null}',
        b'{"candidates": {}}',
        b'{"candidates": [null]}',
        b'{"candidates": [{"content": {"parts": "x"}}]}',
        b'{"candidates": [{"content": {"parts": [{"text": 1}]}}]}',
        b'{"usageMetadata": {"promptTokenCount": -1}}',
        b'{"usageMetadata": {"promptTokenCount": 1e400}}',
        b'{"usageMetadata": {"promptTokenCount": 99999999999999999999999}}',
        b'{"promptFeedback": []}',
        b'{"candidates": ' + b"[" * 100_000,
    ],
    ids=range(15),
)
def test_rubbish_may_be_better_next_time(body: bytes) -> None:
    said = GEMINI.read(body).said
    assert isinstance(said, Transient)
    assert said.problem == "provider_garbage"


@given(st.text(max_size=200))
def test_whatever_the_model_writes_is_kept_readable(text: str) -> None:
    said = read(answers.gemini_answer(text)).said
    assert isinstance(said, Analysis | Problem)
    if isinstance(said, Analysis):
        assert "\x00" not in said.text_content
