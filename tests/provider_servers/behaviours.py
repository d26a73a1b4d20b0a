"""What a stand-in can be told to do with a call."""

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "answer",
    "quota",
    "day_quota",
    "unknown_key",
    "unauthorized",
    "forbidden",
    "rejected",
    "unavailable",
    "broken",
    "no_model",
    "moved",
    "garbage",
    "misshapen",
    "encoded",
    "huge",
    "cut",
    "closed",
    "never",
    "dripping",
    "image_error",
    "blocked",
    "max_tokens",
    "empty",
]


@dataclass(frozen=True)
class Behaviour:
    """One call's fate. retry_after: seconds in the header; code: of the error inside an answer; text: Gemini's own."""

    kind: Kind = "answer"
    seconds: float = 0
    retry_after: float | None = None
    code: int = 3
    text: str | None = None

    @classmethod
    def of(cls, told: Any) -> "Behaviour":
        """Read one as JSON: its kind alone, or its fields."""
        return cls(told) if isinstance(told, str) else cls(**told)


ANSWERS = (Behaviour(),)

HTTP_ERRORS: dict[str, tuple[int, str, str]] = {
    "quota": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "day_quota": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan."),
    "unknown_key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key: {key}"),
    "unauthorized": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "forbidden": (403, "PERMISSION_DENIED", "Requests from this address are blocked for the key {key}."),
    "rejected": (400, "INVALID_ARGUMENT", "Unable to process input image."),
    "unavailable": (503, "UNAVAILABLE", "The service is currently unavailable."),
    "broken": (500, "INTERNAL", "Internal error encountered."),
    "no_model": (404, "NOT_FOUND", "models/none is not found for API version v1beta."),
}


def error_body(kind: str, key: str) -> dict[str, Any]:
    """An error as Google words it, with the details that go with it; it repeats the key, which real ones may do."""
    code, status, message = HTTP_ERRORS[kind]
    error: dict[str, Any] = {"code": code, "message": message.format(key=key), "status": status}
    if kind == "unknown_key":
        info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": "any.googleapis.com"}}
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}]
    if kind == "day_quota":
        violation = {"quotaMetric": "any", "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
        error["details"] = [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.5s"},
        ]
    return {"error": error}
