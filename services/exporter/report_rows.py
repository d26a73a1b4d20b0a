"""What a report tells of each image of a batch, column by column, whatever the format."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.reports import ReportSection

BASE_COLUMNS = {
    "url": "URL",
    "success": "Success",
    "store_front": "Store Front",
    "text_content": "Text Content",
    "store_name": "Store Name",
    "business_contact": "Business Contact",
    "image_description": "Image Description",
    "error_message": "Error Message",
    "processing_time_seconds": "Processing Time (seconds)",
    "created_at": "Created At",
    "batch_id": "Batch ID",
}
"""Names in text tables, and in spreadsheets."""

_RESERVED = {name.casefold() for pair in BASE_COLUMNS.items() for name in pair}
NAMELESS = "column"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One image of a batch. `carried`: a JSON array of texts, by the batch's columns."""

    job_id: UUID
    image_id: UUID
    url: str
    success: bool
    store_image: bool
    text_content: str
    store_name: str
    business_contact: str
    image_description: str
    problem: str | None
    detail: str | None
    provider: str | None
    model: str | None
    key_hint: str | None
    cache_hit: bool
    processing_seconds: float
    carried: str
    ended_at: datetime

    @property
    def error_message(self) -> str:
        """The problem's code and sentence; "" for a success."""
        return f"{self.problem}: {self.detail}" if self.detail else self.problem or ""


@dataclass(frozen=True, slots=True)
class CarriedColumns:
    """The columns that batches carry through, after the base columns: all of them, and where each batch's stand."""

    names: tuple[str, ...]
    places: Mapping[UUID, tuple[int, ...]]

    @classmethod
    def of(cls, columns: Mapping[UUID, Sequence[str]]) -> "CarriedColumns":
        """The union of the batches' columns, in order of first appearance, none of them named like a base column."""
        places: dict[str, int] = {}
        found = {}
        for job_id, names in columns.items():
            found[job_id] = tuple(places.setdefault(name, len(places)) for name in distinct_names(names))
        return cls(tuple(places), found)

    def texts(self, row: ReportRow) -> list[str]:
        """What a row carries, in a cell for each of `names`."""
        cells = [""] * len(self.names)
        for place, text in self._pairs(row):
            cells[place] = text
        return cells

    def named(self, row: ReportRow) -> dict[str, str]:
        """What a row carries, by the names of its own batch's columns."""
        return {self.names[place]: text for place, text in self._pairs(row)}

    def _pairs(self, row: ReportRow) -> list[tuple[int, str]]:
        places = self.places.get(row.job_id, ())
        if not places:
            return []
        texts = json.loads(row.carried)
        return list(zip(places, texts + [""] * (len(places) - len(texts)), strict=False))


def distinct_names(names: Sequence[str]) -> list[str]:
    """A batch's own column names, made to differ: `input_url` for one like a base column, `x_2` for a second x."""
    taken: dict[str, None] = {}
    for name in names:
        own = name if name.strip() else NAMELESS
        start = f"input_{own}" if own.strip().casefold() in _RESERVED else own
        chosen, number = start, 1
        while chosen in taken:
            number += 1
            chosen = f"{start}_{number}"
        taken[chosen] = None
    return list(taken)


@dataclass(frozen=True, slots=True)
class Report:
    """What a file of results says of itself. `section`: the one batch that it is about, if it is one."""

    exported_at: datetime
    total: int
    columns: CarriedColumns
    section: ReportSection | None = None
    has_metadata: bool = True

    @property
    def properties(self) -> dict[str, tuple[str, Any]]:
        """What stands beside the results, by name: its title for people, and its value."""
        section = self.section
        if section is None:
            return {
                "export_date": ("Export Date", time_text(self.exported_at)),
                "total_records": ("Total Records", self.total),
            }
        return {
            "batch_id": ("Batch ID", str(section.job_id)),
            "batch_name": ("Batch Name", section.name),
            "export_date": ("Export Date", time_text(self.exported_at)),
            "total_records": ("Total Records", self.total),
            "batch_status": ("Batch Status", section.status),
            "batch_created": ("Batch Created", time_text(section.created_at)),
            "batch_started": ("Batch Started", time_text(section.started_at) if section.started_at else None),
        }

    def cells(self, row: ReportRow) -> list[str | float]:
        """A row of a table: texts as they are, the duration as a number."""
        return [
            row.url,
            yes_or_no(row.success),
            yes_or_no(row.store_image),
            row.text_content,
            row.store_name,
            row.business_contact,
            row.image_description,
            row.error_message,
            row.processing_seconds,
            time_text(row.ended_at),
            str(row.job_id),
            *self.columns.texts(row),
        ]


def yes_or_no(value: bool) -> str:
    """A boolean for people."""
    return "Yes" if value else "No"


def time_text(moment: datetime) -> str:
    """ISO 8601 in UTC, with Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
