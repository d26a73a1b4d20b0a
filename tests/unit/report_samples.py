"""Builds rows of reports, and writes them as the exporter does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from services.exporter.report_rows import CarriedColumns, Report, ReportRow
from shared.reports import ReportSection

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
BATCH_ID = UUID("01933c5e-7a00-7c11-9d5e-6f2a51c0de51")
SECTION = ReportSection(
    job_id=BATCH_ID, name="Shops", status="completed", results=1, created_at=MOMENT, started_at=None
)
WICKED = (
    "=1+1", '=HYPERLINK("http://evil.example")', "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", "\t=x", "＝x", "a\nb", "a\r\nb",
    '"', '","', "a,b;c\td", " padded ", "\x01\x0b\x1f", "\U0001f6cb\U0001f1e9\U0001f1ea", "\u202eevil\u202c مرحبا",
    "<r>bad & <x></r>", "<r></r>", "]]>", "_x0041_", "x" * 40_000, "\U0001f6cb" * 20_000, "7", "007", "+49 30 1",
    "{=A1}",
)  # fmt: skip
"""Texts that break tables."""


def report_row(number: int = 0, **facts: Any) -> ReportRow:
    """An analysed image; facts replace what is given."""
    values: dict[str, Any] = {
        "job_id": BATCH_ID,
        "image_id": UUID(int=number),
        "url": f"https://origin.example/{number}.jpg",
        "success": True,
        "store_image": True,
        "text_content": "CAFÉ",
        "store_name": "Café",
        "business_contact": "+49 30 1234567",
        "image_description": "Bright",
        "problem": None,
        "detail": None,
        "provider": "gemini",
        "model": "gemini-test",
        "key_hint": "x7Qa",
        "cache_hit": False,
        "processing_seconds": 0.75,
        "carried": "[]",
        "ended_at": MOMENT + timedelta(seconds=number),
    }
    return ReportRow(**(values | facts))


def failed_row(number: int = 0, **facts: Any) -> ReportRow:
    """An image that could not be fetched."""
    nothing = {"store_image": False, "text_content": "", "store_name": "", "business_contact": ""}
    unknown = {"image_description": "", "provider": None, "model": None, "key_hint": None}
    problem = {"success": False, "problem": "http_404", "detail": "The server answered 404."}
    return report_row(number, **(nothing | unknown | problem | facts))


def about(rows: Sequence[ReportRow], columns: Sequence[str] = (), **facts: Any) -> Report:
    """What a file of these rows says of itself."""
    told = Report(MOMENT, len(rows), CarriedColumns.of({BATCH_ID: columns}), SECTION)
    return replace(told, **facts)


def saved(save: Callable[..., None], path: Path, rows: Sequence[ReportRow], told: Report, **options: Any) -> bytes:
    """The file's content, written in pages of two rows."""
    save(pages(rows), path, told, **options)
    return path.read_bytes()


def pages(rows: Sequence[ReportRow]) -> Iterator[Sequence[ReportRow]]:
    """The rows as the store reads them."""
    return (rows[start : start + 2] for start in range(0, len(rows), 2))
