"""What a provider's answer means when it is not what was asked for: pure, over statuses and Google's error objects.

Transient
├── KeySlowed    too many requests with this key; others may do
└── KeyRefused   the provider does not take this key; others may do
"""

import re
from dataclasses import dataclass

from pydantic import Field, ValidationError

from services.enhancer.providers.dialect import Told
from services.enhancer.providers.text import in_one_line
from shared.errors import Permanent, Problem, Transient

DETAIL_CHARACTERS_MAX = 200
DAY_REST_SECONDS = 3_600
REST_SECONDS_MAX = 86_400
UNHELPFUL_ATTEMPTS_MAX = 2
DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED", "SERVICE_DISABLED"})
QUOTA_REASONS = frozenset({"RATE_LIMIT_EXCEEDED", "RESOURCE_QUOTA_EXCEEDED"})
OPERATORS_FAULTS = frozenset({404, 405, 409})
"""No image is to blame for these: an address or a model that is not there; they wait to be put right."""

STATUS_OF_CODE = {
    1: 503, 2: 500, 3: 400, 4: 504, 5: 400, 6: 409, 7: 403, 8: 429, 9: 400, 10: 503, 11: 400, 12: 400, 13: 500,
    14: 503, 15: 500, 16: 401,
}  # fmt: skip
"""The HTTP statuses of google.rpc.Code, which an error inside an answer has."""


class KeySlowed(Transient):
    """Too many requests were made with this key."""


class KeyRefused(Transient):
    """The provider does not take this key."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, its body read to the end; retry_after_seconds as its header says."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None


class Violation(Told):
    """A quota that was used up."""

    quotaId: str = ""  # noqa: N815 (as Google writes it)


class ErrorDetail(Told):
    """Any of the kinds of detail that an error of Google's may have: ErrorInfo, RetryInfo, QuotaFailure."""

    reason: str = ""
    retryDelay: str = ""  # noqa: N815
    violations: list[Violation] = []


class GoogleError(Told):
    """google.rpc.Status as JSON; code is an HTTP status outside, and a google.rpc.Code inside an answer."""

    code: int = 0
    message: str = ""
    status: str = ""
    details: list[ErrorDetail] = []


class _Body(Told):
    error: GoogleError = Field(default_factory=GoogleError)


def problem_of_reply(provider: str, reply: Reply) -> Problem:
    """Name what an answer other than 200 stands for; its status counts, whatever its body looks like."""
    try:
        error = _Body.model_validate_json(reply.body).error
    except ValidationError:
        error = GoogleError()
    return _problem(provider, reply.status, error, reply.retry_after_seconds)


def problem_inside(provider: str, error: GoogleError) -> Problem:
    """Name what an error inside an answer of 200 stands for."""
    return _problem(provider, STATUS_OF_CODE.get(error.code, 500), error, None)


def garbage(provider: str, what: str, *, attempts_max: int | None = None) -> Transient:
    """An answer that can't be understood; another may be better."""
    detail = in_one_line(f"{provider}: {what}", DETAIL_CHARACTERS_MAX)
    return Transient("provider_garbage", detail, attempts_max=attempts_max)


def _problem(provider: str, status: int, error: GoogleError, retry_after: float | None) -> Problem:
    said = in_one_line(error.message, DETAIL_CHARACTERS_MAX)
    detail = f"{provider} answered {status}: {said}" if said else f"{provider} answered {status}."
    reasons = {each.reason for each in error.details}
    if status == 429 or reasons & QUOTA_REASONS:
        return KeySlowed("provider_quota", detail, retry_after_seconds=_rest_seconds(error, retry_after))
    if _is_about_the_key(status, error, reasons):
        return KeyRefused("provider_refused", detail)
    if status in (408, 504):
        return Transient("provider_timeout", detail, retry_after_seconds=retry_after)
    if status >= 500 or status < 400 or status in OPERATORS_FAULTS:
        return Transient("provider_unavailable", detail, retry_after_seconds=retry_after)
    return Permanent("provider_rejected", detail)


def _is_about_the_key(status: int, error: GoogleError, reasons: set[str]) -> bool:
    """Google says 400 to keys that it does not know, and to accounts without billing."""
    if status in (401, 403) or reasons & KEY_REASONS:
        return True
    return status == 400 and (error.status == "FAILED_PRECONDITION" or "api key" in error.message[:1_000].lower())


def _rest_seconds(error: GoogleError, retry_after: float | None) -> float | None:
    """How long the key is to rest: what header and RetryInfo say; an hour at least when the day's quota is used up."""
    named = [float(found[1]) for each in error.details if (found := DURATION.fullmatch(each.retryDelay))]
    if retry_after is not None:
        named.append(retry_after)
    if any("PerDay" in violation.quotaId for each in error.details for violation in each.violations):
        named.append(DAY_REST_SECONDS)
    return min(max(named), REST_SECONDS_MAX) if named else None
