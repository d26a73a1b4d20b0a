"""Reports as JSON, indented by two blanks, streamed row by row."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from services.exporter.report_rows import Report, ReportRow, time_text

_encode = json.JSONEncoder(ensure_ascii=False).encode


def save_json(pages: Iterator[Sequence[ReportRow]], path: Path, report: Report) -> None:
    """Write the report to `path`; memory holds a page."""
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        file.write('{\n  "results": [')
        separator, end = "\n    ", "]"
        for row in chain.from_iterable(pages):
            file.write(separator + indented(describe(row, report), "    "))
            separator, end = ",\n    ", "\n  ]"
        file.write(end)
        if report.has_metadata:
            name = "metadata" if report.section else "export_metadata"
            values = {key: value for key, (_, value) in report.properties.items()}
            file.write(f',\n  "{name}": {indented(values, "  ")}')
        file.write("\n}\n")


def describe(row: ReportRow, report: Report) -> dict[str, Any]:
    """The row as it stands in the file: the original's fields, who analysed the image, what its row carries."""
    analysis = {
        "store_image": row.store_image,
        "text_content": row.text_content,
        "store_name": row.store_name,
        "business_contact": row.business_contact,
        "image_description": row.image_description,
    }
    return {
        "result_id": str(row.image_id),
        "url": row.url,
        "batch_id": str(row.job_id),
        "chunk_id": None,  # chunks are the gateway's
        "analysis_result": analysis if row.provider else None,
        **analysis,
        "success": row.success,
        "error_message": row.error_message or None,
        "processing_time_seconds": row.processing_seconds,
        "api_key_used": row.key_hint,
        "created_at": time_text(row.ended_at),
        "cache_hit": row.cache_hit,
        "gemini_model_used": row.model if row.provider == "gemini" else None,
        "provider": row.provider,
        "model": row.model,
        "columns": report.columns.named(row),
    }


def indented(value: Any, margin: str) -> str:
    """What json.dumps(value, indent=2) writes, several times faster for the flat objects that rows are."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, dict):
        return _encode(value)
    if not value:
        return "{}"
    members = (f"\n{margin}  {_encode(name)}: {indented(each, margin + '  ')}" for name, each in value.items())
    return f"{{{','.join(members)}\n{margin}}}"
