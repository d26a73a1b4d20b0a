"""Several reports in one archive: a file for each batch, a note for each that is not there, and a summary."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from zipfile import ZIP_DEFLATED, ZIP_STORED

from services.exporter.formats.archive import CHUNK_BYTES, Archive, read_chunks
from services.exporter.report_rows import time_text
from shared.names import NameRegister, safe_name
from shared.reports import ReportSection

SUMMARY_NAME = "export_summary.txt"
NOT_FOUND = "Batch not found"
SHORT_ID_CHARACTERS = 8


class Bundle:
    """An archive that is being filled."""

    def __init__(self, archive: Archive, format: str) -> None:
        self.rows = 0
        self._archive = archive
        self._format = format
        self._names = NameRegister()
        self._names.claim(SUMMARY_NAME)
        self._told: list[str] = []
        self._failed = 0

    @classmethod
    @contextmanager
    def open(cls, path: Path, format: str) -> Iterator["Bundle"]:
        """A new archive at `path`."""
        with path.open("wb") as file, TemporaryFile(dir=path.parent) as directory:
            yield cls(Archive(file, directory), format)

    def add(self, section: ReportSection, file: Path, rows: int) -> None:
        """Put a batch's file in; spreadsheets are compressed already."""
        name = self._names.claim(safe_name(section.name, self._format, suffix=f"_{short_id(section)}"))
        compression = ZIP_STORED if self._format == "xlsx" else ZIP_DEFLATED
        with file.open("rb", buffering=CHUNK_BYTES) as content:
            self._archive.store(name, read_chunks(content), file.stat().st_size, compression)
        self.rows += rows
        self._told.append(f"{name}: {rows} records, batch {section.job_id} ({section.status})")

    def add_missing(self, asked: str) -> None:
        """Put a note in instead of a batch that is not there."""
        name = self._names.claim(safe_name(f"ERROR_{asked}", "txt"))
        self._write(name, f"Export failed: {NOT_FOUND}\n")
        self._told.append(f"{name}: {NOT_FOUND}")
        self._failed += 1

    def finish(self, exported_at: datetime) -> None:
        """Put the summary in and close the archive."""
        lines = [
            "Multi-Batch Export Summary",
            f"Export Date: {time_text(exported_at)}",
            f"Format: {self._format}",
            f"Number of Batches: {len(self._told)}",
            f"Failed: {self._failed}",
            f"Total Records: {self.rows}",
            "",
            "Files included:",
            *(f"  - {line}" for line in self._told),
        ]
        self._write(SUMMARY_NAME, "\n".join(lines) + "\n")
        self._archive.finish()

    def _write(self, name: str, text: str) -> None:
        content = text.encode("utf-8", "replace")
        self._archive.store(name, [content], len(content))


def short_id(section: ReportSection) -> str:
    """The end of a batch's id: batches of the same minute begin alike."""
    return section.job_id.hex[-SHORT_ID_CHARACTERS:]
