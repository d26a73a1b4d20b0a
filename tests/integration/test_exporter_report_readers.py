"""Files of reports as other programs read them: Postgres, unzip, openpyxl; on texts that break tables."""

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from services.exporter.cells import inert
from shared.db import Database
from tests.exporter_database import open_database, open_exporter  # noqa: F401
from tests.exporter_events import Job, hear, report
from tests.exporter_reports import lines, made
from tests.unit.report_samples import WICKED

COLUMNS = ("note", "=cmd", "url", 'a"b,c', "note")


async def wicked_batch(database: Database, ports: Any) -> Job:
    """A batch whose name, columns and every text are wicked; one image a text."""
    job = Job(images_total=len(WICKED), kind="batch", name='=1+1,"\n# url', columns=COLUMNS)
    await hear(database, ports, job.submitted())
    for seq, text in enumerate(WICKED):
        event = job.analyzed(seq, text_content=text, store_name=text[:500], image_description=text[:500])
        label = event.label.model_copy(update={"carried": (text, text, "7", "-7.5", "")})
        await hear(database, ports, event.model_copy(update={"label": label}))
    return job


async def test_postgres_reads_the_table_as_python_does(database, ports) -> None:
    job = await wicked_batch(database, ports)
    _, content = await made(database, ports, report(job, metadata=False))
    found = lines(content)
    assert [line["text_content"] for line in found] == [inert(text) for text in WICKED]
    assert [(line["'=cmd"], line["input_url"], line['a"b,c']) for line in found][0] == ("'=1+1", "7", "-7.5")
    copied = await copied_table(database, content)
    assert copied == [tuple(line.values()) for line in found]


async def copied_table(database: Database, content: bytes) -> list[tuple[str, ...]]:
    """The lines of a table as COPY reads them."""
    async with database.transaction() as connection:
        await connection.execute(
            """
            CREATE TEMPORARY TABLE told (
                line serial, url text, success text, store_front text, text_content text, store_name text,
                business_contact text, image_description text, error_message text, seconds float8,
                created_at timestamptz, batch_id uuid, note text, cmd text, input_url integer, odd numeric, note_2 text
            ) ON COMMIT DROP
            """
        )
        names = [
            row["attname"]
            for row in await connection.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'told'::regclass AND attnum > 1 ORDER BY attnum"
            )
        ]
        await connection.copy_to_table(
            "told", source=io.BytesIO(content), columns=names, format="csv", header=True, null="no such text"
        )
        rows = await connection.fetch(
            """
            SELECT url, success, store_front, text_content, store_name, business_contact, image_description,
                   error_message, seconds::text,
                   to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                   batch_id::text, note, cmd, input_url::text, odd::text, note_2
            FROM told
            ORDER BY line
            """
        )
    return [tuple(row) for row in rows]


async def test_postgres_reads_the_document_as_python_does(database, ports) -> None:
    job = await wicked_batch(database, ports)
    _, content = await made(database, ports, report(job, format="json"))
    told = json.loads(content)
    assert told["metadata"]["batch_name"] == job.name
    async with database.connection() as connection:
        rows = await connection.fetch(
            """
            SELECT result ->> 'text_content' AS text, result -> 'columns' ->> 'note' AS note,
                   (result ->> 'success')::bool AS success, (result ->> 'created_at')::timestamptz AS ended_at
            FROM jsonb_array_elements($1::text::jsonb -> 'results') AS result
            """,
            content.decode("utf-8"),
        )
    assert [(row["text"], row["note"], row["success"]) for row in rows] == [(text, text, True) for text in WICKED]
    assert [row["ended_at"] for row in rows] == [job.ended_at(seq) for seq in range(len(WICKED))]


async def test_a_spreadsheet_opens_and_has_the_texts_of_the_document(database, ports) -> None:
    job = await wicked_batch(database, ports)
    _, content = await made(database, ports, report(job, format="xlsx"))
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Results", "Metadata"]
    header, *found = book["Results"].iter_rows(values_only=True)
    assert header[11:] == ("note", "=cmd", "input_url", 'a"b,c', "note_2")
    plain = [(line, text) for line, text in zip(found, WICKED, strict=True) if text.isprintable() and len(text) < 99]
    assert [line[3].replace("_x005F_", "_", 1) for line, _ in plain] == [text for _, text in plain]
    assert {cell.data_type for line in book["Results"].iter_rows() for cell in line} <= {"s", "n", "inlineStr"}
    assert book["Metadata"]["B3"].value == job.name


@pytest.mark.skipif(not shutil.which("unzip"), reason="unzip is not installed")
@pytest.mark.parametrize("format", ["csv", "json", "xlsx"])
async def test_a_bundle_is_whole_by_two_readers(database, ports, tmp_path: Path, format) -> None:
    job = await wicked_batch(database, ports)
    _, content = await made(database, ports, report(job, bundled=True, format=format, missing=("../x", "../x")))
    path = tmp_path / "bundle.zip"
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        sizes = [entry.file_size for entry in archive.infolist()]
        assert archive.testzip() is None
    assert names == [
        f"_1_1____ url_{job.job_id.hex[-8:]}.{format}",
        "ERROR_.._x.txt",
        "ERROR_.._x_1.txt",
        "export_summary.txt",
    ]
    assert all(sizes)
    assert faults(path) == ""


def faults(path: Path) -> str:
    """What unzip finds wrong with an archive."""
    tested = subprocess.run(["unzip", "-tqq", path], capture_output=True, text=True, check=False)
    return tested.stderr + tested.stdout
