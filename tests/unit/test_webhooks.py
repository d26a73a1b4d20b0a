"""Signing, judging and scheduling webhooks; sealing their secrets."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.fernet import Fernet
from standardwebhooks import Webhook, WebhookVerificationError

from services.exporter.webhooks import (
    RETRY_DELAYS_SECONDS,
    Again,
    Delivered,
    Disabled,
    Verdict,
    completed_payload,
    delay_before,
    encode,
    judge,
    sign,
)
from shared.errors import Permanent
from shared.seal import Seal, SealBroken, SealKeyInvalid
from shared.webhook_secrets import new_secret, validate_secret

OLD, NEW = new_secret(bytes(range(32))), new_secret(bytes(range(32, 64)))


def _body() -> bytes:
    return encode({"request_id": "r", "name": "Höhe 東京"})


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_a_receiver_verifies_with_either_secret_during_rotation(secret: str) -> None:
    headers = sign("wh_1", datetime.now(UTC), _body(), [NEW, OLD])
    assert Webhook(secret).verify(_body(), headers) == {"request_id": "r", "name": "Höhe 東京"}


def test_a_receiver_refuses_another_secret_body_id_or_time() -> None:
    headers = sign("wh_1", datetime.now(UTC), _body(), [OLD])
    for secret, body, changed in [
        (NEW, _body(), {}),
        (OLD, _body() + b" ", {}),
        (OLD, _body(), {"webhook-id": "wh_2"}),
        (OLD, _body(), {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers | changed)


def test_the_signature_is_that_of_the_specification() -> None:
    moment = datetime(2024, 5, 1, 12, tzinfo=UTC)
    headers = sign("wh_1", moment, _body(), [OLD])
    signed = b"wh_1.1714564800." + _body()
    expected = base64.b64encode(hmac.digest(bytes(range(32)), signed, hashlib.sha256)).decode()
    assert headers == {
        "webhook-id": "wh_1",
        "webhook-timestamp": "1714564800",
        "webhook-signature": f"v1,{expected}",
    }


def test_a_time_of_another_zone_signs_the_same_moment() -> None:
    moment = datetime(2024, 5, 1, 12, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=9)))
    assert sign("wh_1", elsewhere, _body(), [OLD]) == sign("wh_1", moment, _body(), [OLD])


@pytest.mark.parametrize("size", [24, 32, 64])
def test_a_new_secret_is_valid(size: int) -> None:
    validate_secret(new_secret(bytes(size)))


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_abc", "whsec_" + "*" * 40, OLD.removeprefix("whsec_"), OLD + "é", OLD + "\n"]
    + ["whsec_" + base64.b64encode(bytes(size)).decode() for size in (23, 65)],
)
def test_what_is_no_secret_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(Permanent) as refused:
        validate_secret(secret)
    assert refused.value.problem == "webhook_secret_invalid"
    assert not secret[6:] or secret[6:] not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (200, Delivered()),
        (204, Delivered()),
        (299, Delivered()),
        (410, Disabled()),
        (301, Again("http_301")),
        (304, Again("http_304")),
        (400, Again("http_400")),
        (404, Again("http_404")),
        (500, Again("http_500")),
        (429, Again("http_429", slow_down=True)),
        (502, Again("http_502", slow_down=True)),
        (504, Again("http_504", slow_down=True)),
        ("connection_refused", Again("connection_refused")),
    ],
)
def test_an_answer_is_judged(answer: int | str, verdict: Verdict) -> None:
    assert judge(answer) == verdict


def test_the_schedule_has_ten_attempts_over_three_days() -> None:
    delays = [delay_before(attempt, 0.5) for attempt in range(1, 12)]
    assert delays == [*RETRY_DELAYS_SECONDS, None]
    assert delays[:4] == [0, 5, 300, 1800]
    assert sum(RETRY_DELAYS_SECONDS) == 5 + 300 + 1800 + 75 * 3600


def test_jitter_spreads_a_delay_by_a_tenth() -> None:
    assert delay_before(3, 0) == pytest.approx(270)
    assert delay_before(3, 1) == pytest.approx(330)
    assert delay_before(1, 1) == 0


@pytest.mark.parametrize(
    ("attempt", "again", "delay"),
    [
        (2, Again("http_500"), 5),
        (2, Again("http_429", slow_down=True), 60),
        (3, Again("http_429", slow_down=True), 300),
        (2, Again("http_503", retry_after_seconds=900), 900),
        (3, Again("http_503", retry_after_seconds=10), 300),
        (3, Again("http_503", retry_after_seconds=-5), 300),
        (2, Again("http_503", retry_after_seconds=1e9), 86_400),
        (11, Again("http_503", retry_after_seconds=10), None),
    ],
)
def test_a_receiver_can_ask_for_more_time_but_not_for_less(attempt: int, again: Again, delay: float | None) -> None:
    assert delay_before(attempt, 0.5, again) == delay


def test_retry_after_reaches_the_verdict() -> None:
    assert judge(503, 30) == Again("http_503", retry_after_seconds=30)


def test_the_payload_has_the_six_fields_at_top_level() -> None:
    payload = completed_payload(
        request_id="5f0c",
        status="completed",
        total_products=3,
        processed_products=3,
        completed_at=datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))),
    )
    assert json.loads(encode(payload)) == {
        "request_id": "5f0c",
        "status": "completed",
        "total_products": 3,
        "processed_products": 3,
        "completion_percentage": 100.0,
        "timestamp": "2024-05-01T12:00:00.000Z",
    }


def test_a_body_has_a_limit() -> None:
    with pytest.raises(AssertionError):
        encode({"name": "x" * 20_000})


def test_a_sealed_secret_opens_with_the_same_key_only() -> None:
    key = Fernet.generate_key().decode()
    token = Seal(key).seal(OLD)
    assert OLD not in token
    assert Seal(key).open(token) == OLD
    with pytest.raises(SealBroken):
        Seal(Fernet.generate_key().decode()).open(token)
    with pytest.raises(SealBroken):
        Seal(key).open(token[:-4] + "AAAA")


@pytest.mark.parametrize("key", ["", "short", "é" * 44, "A" * 44, "!" * 44])
def test_a_bad_key_is_named_but_not_quoted(key: str) -> None:
    with pytest.raises(SealKeyInvalid, match="DARKROOM_SECRET_KEY must be 32 random bytes") as refused:
        Seal(key)
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize("token", ["", "x", "é"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(SealBroken):
        Seal(Fernet.generate_key().decode()).open(token)
