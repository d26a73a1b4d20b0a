"""Writes the documents that are made from the code: `python -m docs.generate`."""

import json
from pathlib import Path
from typing import Any

from docs import asyncapi, event_table, openapi

FOLDER = Path(__file__).parent
EVENTS = FOLDER / "events"
COMMAND = "python -m docs.generate"


def documents() -> dict[Path, str]:
    """Every made document, by its place; the same code gives the same text."""
    return {
        **{EVENTS / name: _json(schema) for name, schema in asyncapi.schemas().items()},
        EVENTS / "asyncapi.yaml": asyncapi.document(),
        EVENTS / "README.md": event_table.page(),
        FOLDER / "openapi.json": _json(openapi.document()),
    }


def unexpected() -> list[Path]:
    """Files beside the made ones that nothing makes any more."""
    return sorted(set(EVENTS.iterdir()) - documents().keys())


def write() -> None:
    """Bring the files up to date."""
    EVENTS.mkdir(exist_ok=True)
    for file, text in documents().items():
        file.write_text(text, encoding="utf-8")
    for file in unexpected():
        file.unlink()


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write()
