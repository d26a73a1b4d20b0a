"""gateway: how healthy a batch is, and what went wrong in it: pure formulas over its counters.

A problem is a code, as `connection_timeout` or `http_404`; its category says whom to ask: the network between us and
the images, whoever wrote the URLs, or the processing of what was fetched.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.gateway.batches import states
from shared.db import Row

NETWORK, URLS, PROCESSING = "network_errors", "invalid_urls", "processing_errors"
NETWORK_PROBLEMS = frozenset(
    {"dns_failed", "connection_timeout", "read_timeout", "total_timeout", "connection_refused", "connection_reset"}
    | {"host_unreachable", "tls_failed", "incomplete_body", "response_invalid", "rate_limited"}
    | {"http_408", "http_425", "http_429"}
)
URL_PROBLEMS = frozenset(
    {"url_invalid", "address_forbidden", "redirect_invalid", "too_many_redirects", "not_an_image", "empty_body"}
)
KEY_PROBLEMS = frozenset({"provider_refused", "provider_not_configured"})

OLD_HOURS = 24
AGE_PENALTY_MAX = 20
GOOD_SUCCESS, POOR_SUCCESS = 0.8, 0.5
HIGH_FAILURE_PERCENTAGE = 20
WELL = "Batch is performing well"

_HTTP_5XX = re.compile(r"http_5\d\d")
_HTTP_4XX = re.compile(r"http_[34]\d\d")


@dataclass(frozen=True, slots=True)
class Health:
    """A batch's score from 0 to 100, what lowers it, and what to do."""

    score: float
    issues: list[str]
    recommendations: list[str]
    factors: dict[str, float]


def age_hours(batch: Row, now: datetime) -> float:
    """Hours since it was started last, or created where it never was."""
    since: datetime = batch["queued_at"] or batch["created_at"]
    return max(0.0, (now - since).total_seconds() / 3600)


def health_of(batch: Row, failed_chunks: int, problems: Mapping[str, int], now: datetime) -> Health:
    """Score a batch.

    100, less 30 x failed chunks / chunks; less the hours beyond 24 (at most 20) while it is queued or processing; less
    50 x (0.8 - success rate) where that is below 0.8 and anything is processed. Factors are scores of their own: the
    success rate in percent; 100 less five points for each hour beyond 24; 100 less the share of the commonest problem.
    """
    issues, advice, penalties = [], [], 0.0
    hours = age_hours(batch, now) if batch["status"] in ("queued", "processing") else 0.0
    late = min(AGE_PENALTY_MAX, max(0.0, hours - OLD_HOURS))
    done = states.processed(batch)
    success = batch["images_succeeded"] / done if done else 1.0
    if failed_chunks:
        penalties += 30 * failed_chunks / batch["chunks_total"]
        issues.append(f"{failed_chunks} failed chunks")
        advice.append("Consider resetting failed chunks")
    if late:
        penalties += late
        issues.append(f"Processing for {hours:.1f} hours")
        advice.append("Consider force restart or cancellation")
    if success < GOOD_SUCCESS:
        penalties += (GOOD_SUCCESS - success) * 50
        poor = success < POOR_SUCCESS
        issues += [f"Low success rate ({100 * success:.1f}%)"] if poor else []
        advice.append("Check API configuration and URL quality" if poor else "See which errors are the most frequent")
    worst = max(problems.values(), default=0)
    factors = {
        "success_rate": round(100 * success, 1),
        "processing_speed": round(100 - 100 * late / AGE_PENALTY_MAX, 1),
        "error_patterns": round(100 - 100 * min(1.0, worst / done), 1) if done else 100.0,
    }
    return Health(round(max(0.0, min(100.0, 100 - penalties)), 1), issues, advice or [WELL], factors)


def category_of(problem: str) -> str:
    """Network: timeouts, DNS, connections, 5xx. URLs: malformed ones, 4xx, what is no image. Processing: the rest."""
    if problem in NETWORK_PROBLEMS or _HTTP_5XX.fullmatch(problem):
        return NETWORK
    return URLS if problem in URL_PROBLEMS or _HTTP_4XX.fullmatch(problem) else PROCESSING


def categories(problems: Mapping[str, int]) -> dict[str, int]:
    """How many failures there are of each category."""
    counts = dict.fromkeys((NETWORK, URLS, PROCESSING), 0)
    for problem, number in problems.items():
        counts[category_of(problem)] += number
    return counts


def percentages(counts: list[int]) -> list[float]:
    """Shares of counts to one decimal that add up to 100.0: what rounding down leaves goes to the largest rests."""
    total = sum(counts)
    if not total:
        return [0.0 for _ in counts]
    tenths = [1000 * number // total for number in counts]
    by_remainder = sorted(range(len(counts)), key=lambda place: -(1000 * counts[place] % total))
    for place in by_remainder[: 1000 - sum(tenths)]:
        tenths[place] += 1
    return [share / 10 for share in tenths]


def recommendations(batch: Row, problems: Mapping[str, int]) -> list[str]:
    """What to do about a batch's failures; nothing where there are none."""
    counts = categories(problems)
    failures = sum(counts.values())
    share = 100 * failures / max(1, states.processed(batch))
    rules = {
        "Check API key configuration": problems.keys() & KEY_PROBLEMS,
        "Consider increasing timeout settings": any("timeout" in problem for problem in problems),
        "Check network connectivity": counts[NETWORK],
        "Validate URL format": counts[URLS],
        "Look at the images that could not be processed": counts[PROCESSING],
        "High failure rate - check URL quality": failures and share > HIGH_FAILURE_PERCENTAGE,
    }
    return [sentence for sentence, applies in rules.items() if applies]
