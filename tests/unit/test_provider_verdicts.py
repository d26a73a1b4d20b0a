"""What providers' refusals mean: for the key, for the image, or for nobody."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from services.enhancer.providers.keys import Key, keys_of
from services.enhancer.providers.line import Line
from services.enhancer.providers.verdicts import KeyRefused, KeySlowed, Reply, problem_of_reply
from services.enhancer.settings import Settings
from shared.errors import Permanent, Problem, Transient
from tests.provider_servers.behaviours import HTTP_ERRORS, error_body


def judged(status: int, body: Any = None, retry_after: float | None = None) -> Problem:
    """What an answer stands for."""
    return problem_of_reply("gemini", Reply(status, json.dumps(body).encode(), retry_after))


@pytest.mark.parametrize(
    ("kind", "error", "name"),
    [
        ("quota", KeySlowed, "provider_quota"),
        ("unknown_key", KeyRefused, "provider_refused"),
        ("unauthorized", KeyRefused, "provider_refused"),
        ("forbidden", KeyRefused, "provider_refused"),
        ("rejected", Permanent, "provider_rejected"),
        ("unavailable", Transient, "provider_unavailable"),
        ("broken", Transient, "provider_unavailable"),
        ("no_model", Transient, "provider_unavailable"),
    ],
)
def test_googles_errors_have_names(kind: str, error: type[Problem], name: str) -> None:
    found = judged(HTTP_ERRORS[kind][0], error_body(kind, "secret"))
    assert (type(found), found.problem) == (error, name)
    assert len(found.detail) < 250


@pytest.mark.parametrize(
    ("status", "error", "name"),
    [
        (204, Transient, "provider_unavailable"),
        (302, Transient, "provider_unavailable"),
        (400, Permanent, "provider_rejected"),
        (401, KeyRefused, "provider_refused"),
        (403, KeyRefused, "provider_refused"),
        (408, Transient, "provider_timeout"),
        (413, Permanent, "provider_rejected"),
        (429, KeySlowed, "provider_quota"),
        (502, Transient, "provider_unavailable"),
        (504, Transient, "provider_timeout"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [None, [], {"error": None}, {"error": "x"}, {"error": {"code": "x"}}, {"error": {"details": [3]}}],
    ids=range(6),
)
def test_a_status_counts_whatever_the_body_is(status: int, error: type[Problem], name: str, body: Any) -> None:
    found = judged(status, body)
    assert (type(found), found.problem) == (error, name)


@pytest.mark.parametrize(
    ("kind", "header", "seconds"),
    [("quota", None, None), ("quota", 7, 7), ("day_quota", None, 3_600), ("day_quota", 5, 3_600)],
)
def test_a_slowed_key_rests_as_long_as_is_said(kind: str, header: float | None, seconds: float | None) -> None:
    found = judged(429, error_body(kind, "secret"), header)
    assert isinstance(found, KeySlowed)
    assert found.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("delay", "seconds"), [("36.5s", 36.5), ("100000s", 86_400), ("soon", None), ("-1s", None), ("9" * 400 + "s", None)]
)
def test_a_named_delay_is_bounded(delay: str, seconds: float | None) -> None:
    found = judged(429, {"error": {"details": [{"retryDelay": delay}]}})
    assert isinstance(found, KeySlowed)
    assert found.retry_after_seconds == seconds


def test_an_account_without_billing_is_the_keys_fault() -> None:
    assert isinstance(
        judged(400, {"error": {"status": "FAILED_PRECONDITION", "message": "Enable billing."}}), KeyRefused
    )


def test_a_busy_provider_is_heeded() -> None:
    found = judged(503, None, 12)
    assert isinstance(found, Transient)
    assert found.retry_after_seconds == 12


def test_of_a_long_message_a_line_is_kept() -> None:
    found = judged(500, {"error": {"message": "a\n\x00" + "b" * 5_000}})
    assert found.detail == "gemini answered 500: a " + "b" * 198


@given(st.binary(max_size=60), st.integers(201, 599))
def test_no_answer_is_an_accident(body: bytes, status: int) -> None:
    assert problem_of_reply("gemini", Reply(status, body)).problem.startswith("provider_")


def settings_with(**environment: str) -> Settings:
    """What the enhancer makes of variables."""
    nothing = dict.fromkeys(
        ("DARKROOM_GOOGLE_VISION_API_KEYS", "DARKROOM_GEMINI_API_KEYS", "DARKROOM_GEMINI_API_KEY"), ""
    )
    return Settings(**{**nothing, **environment})


def test_keys_are_taken_from_all_settings_each_once() -> None:
    found = settings_with(
        DARKROOM_GEMINI_API_KEYS=" first-key-aaaa, second-key-bbbb,,",
        DARKROOM_GEMINI_API_KEY="first-key-aaaa",
        DARKROOM_GOOGLE_VISION_API_KEYS="third\n",
    )
    assert found.gemini_secrets == ["first-key-aaaa", "second-key-bbbb"]
    assert found.google_vision_secrets == ["third"]
    assert found.reported()["api_keys_count"] == "3"
    assert "first-key" not in f"{found!r}{found}{found.reported()}"
    assert settings_with(DARKROOM_GEMINI_API_KEYS=" , ").api_keys_count == 0


@pytest.mark.parametrize(
    ("variable", "setting"),
    [
        ("GOOGLE_VISION_API_KEYS", "google_vision_secrets"),
        ("DARKROOM_GOOGLE_VISION_API_KEYS", "google_vision_secrets"),
        ("GEMINI_API_KEY", "gemini_secrets"),
        ("GEMINI_API_KEYS", "gemini_secrets"),
        ("DARKROOM_GEMINI_API_KEY", "gemini_secrets"),
        ("DARKROOM_GEMINI_API_KEYS", "gemini_secrets"),
    ],
)
def test_keys_have_the_names_that_people_know(monkeypatch: pytest.MonkeyPatch, variable: str, setting: str) -> None:
    monkeypatch.setenv(variable, "key-one,key-two")
    assert getattr(Settings(), setting) == ["key-one", "key-two"]


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="key 2 of gemini") as refused:
        keys_of("gemini", ["good-key", "schlüssel-geheim"])
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(("secret", "hint"), [("first-key-aaaa", "aaaa"), ("abcdef", "def"), ("ab", "b"), ("a", "")])
def test_a_key_is_shown_by_its_end(secret: str, hint: str) -> None:
    key = Key("gemini", secret)
    assert key.hint == hint
    assert secret not in repr(key)
    assert key.digest != Key("google_vision", secret).digest


def test_who_waits_is_told_one_turn_after_the_other() -> None:
    line = Line(60, jitter=lambda: 0.6)
    waits = [line.seconds_to_wait(100, free_in=10, between=1) for _ in range(40)]
    assert waits == pytest.approx([10 + turn for turn in range(1, 41)])


def test_nobody_waits_longer_than_a_minute_and_they_do_not_come_back_at_once() -> None:
    line = Line(60)
    waits = [line.seconds_to_wait(100, free_in=0, between=60 / 55) for _ in range(1_000)]
    assert max(waits) <= 60
    in_any_second = max(sum(start <= wait < start + 1 for wait in waits) for start in range(60))
    assert in_any_second < 80
    assert min(waits) < 2


def test_who_looks_in_before_its_time_is_not_sent_behind_the_line_for_ever() -> None:
    line = Line(60, jitter=lambda: 0.0)
    for _ in range(1_000):
        line.seconds_to_wait(100, free_in=36_000, between=1)
    assert line.seconds_to_wait(200, free_in=1, between=1) == pytest.approx(1.4)
