"""Reports: when a file is the same one, how many rows it is known to have."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.gateway.batches.reporting import Wanted, fingerprint, rows_known
from shared.events import ReportRequested
from shared.reports import ReportFilters, ReportSection

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
BATCH, FIRST, SECOND = (UUID(int=number) for number in (1, 2, 3))


def row(**facts: Any) -> dict[str, Any]:
    """A batch with five results."""
    usual = {"updated_at": NOW, "results_failed": 2, "results_succeeded": 3, "results_store_images": 1}
    return {**usual, **facts}


def said(**facts: Any) -> ReportRequested:
    """What is asked for."""
    section = ReportSection(job_id=BATCH, name="Shops", status="completed", results=5, created_at=NOW)
    usual = {
        "account_id": "acme",
        "export_id": FIRST,
        "format": "csv",
        "sections": (section,),
        "requested_at": NOW,
    }
    return ReportRequested.model_validate({**usual, **facts})


def test_the_same_request_has_the_same_fingerprint_whenever_it_is_made() -> None:
    later = said(export_id=SECOND, requested_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert fingerprint(said(), [row()]) == fingerprint(later, [row()])


@pytest.mark.parametrize(
    "facts",
    [
        {"format": "json"},
        {"metadata": False},
        {"bundled": True},
        {"limit": 5},
        {"missing": ("x",)},
        {"filters": {"success": False}},
        {"filters": {"has_contact": True}},
        {"sort": {"by": "success"}},
        {"sections": ()},
    ],
    ids=repr,
)
def test_another_request_has_another_fingerprint(facts: dict[str, Any]) -> None:
    assert fingerprint(said(**facts), [row()]) != fingerprint(said(), [row()])


@pytest.mark.parametrize("facts", [{"updated_at": NOW.replace(microsecond=1)}, {"results_store_images": 2}], ids=repr)
def test_results_that_changed_change_the_fingerprint(facts: dict[str, Any]) -> None:
    assert fingerprint(said(), [row(**facts)]) != fingerprint(said(), [row()])


@pytest.mark.parametrize(
    ("filters", "limit", "expected"),
    [
        ({}, None, 10),
        ({}, 7, 7),
        ({"success": True}, None, 6),
        ({"success": False}, 100, 4),
        ({"store_image": True}, None, 2),
        ({"success": True, "store_image": False}, None, 4),
        ({"has_store_name": True}, None, None),
        ({"from_time": NOW}, 5, None),
        ({"store_name_contains": "x", "success": True}, None, None),
    ],
    ids=repr,
)
def test_rows_are_known_where_counters_tell(filters: dict[str, Any], limit: int | None, expected: int | None) -> None:
    wanted = Wanted("Shops", "csv", None, ReportFilters.model_validate(filters), limit=limit)
    assert rows_known([row(), row()], wanted) == expected
