"""./darkroom analyze and batches against the running system."""

import csv
import json
import re
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.stack import Stack
from tests.builders import UNKNOWN_ID, Site
from tests.command_line import CommandLine

BATCH = re.compile(r"Batch ([0-9a-f-]{36})")
FETCHED = ("--operation", "copy")


@pytest.fixture
def darkroom(stack: Stack, tmp_path: Path, site: Site) -> CommandLine:
    """The command line beside shops.csv: two pictures, and one that is not there."""
    rows = [f"{site.photo()},Café", f"{site.photo()},=1+1", f"{site.url}/missing.jpg,Bank"]
    (tmp_path / "shops.csv").write_text("\n".join(["url,shop", *rows]) + "\n", encoding="utf-8")
    return CommandLine(stack, tmp_path)


def batch_in(output: str) -> str:
    """The id that a command said."""
    found = BATCH.search(output)
    assert found is not None, output
    return found[1]


def said(darkroom: CommandLine, *arguments: str) -> str:
    """What a command says when all goes well."""
    done = darkroom.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shown(darkroom: CommandLine, batch_id: str) -> dict[str, object]:
    """A batch for scripts."""
    return dict(json.loads(said(darkroom, "batches", "show", batch_id, "--json")))


def rows_of(file: Path) -> list[dict[str, str]]:
    """The rows of an exported CSV, below its comments."""
    lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line and not line.startswith("#")]
    return list(csv.DictReader(lines))


def test_analyze_watches_to_the_end_and_saves_the_results(darkroom: CommandLine) -> None:
    output = said(darkroom, "analyze", "shops.csv", *FETCHED, "--name", "High [street]", "--out", "out/results.csv")
    assert "completed: 3 of 3 images (2 done, 1 failed)" in output
    assert "High [street]" in output
    assert "66.7 %" in output
    assert "http_404" in output
    rows = rows_of(darkroom.folder / "out/results.csv")
    assert [row["success"] for row in rows].count("Yes") == 2
    assert {row["shop"] for row in rows} == {"Café", "'=1+1", "Bank"}


def test_analyze_again_finds_its_batch(darkroom: CommandLine) -> None:
    first, second = (batch_in(said(darkroom, "analyze", "shops.csv", *FETCHED)) for _ in range(2))
    anew = batch_in(said(darkroom, "analyze", "shops.csv", *FETCHED, "--again"))
    assert first == second != anew


def test_a_batch_waits_runs_and_is_exported_as_its_file_is_named(darkroom: CommandLine) -> None:
    batch_id = batch_in(said(darkroom, "analyze", "shops.csv", *FETCHED, "--no-start"))
    assert shown(darkroom, batch_id)["status"] == "pending"
    assert "started" in said(darkroom, "batches", "start", batch_id, "--watch")
    assert "run again" in said(darkroom, "batches", "retry", batch_id, "--watch")
    said(darkroom, "batches", "export", batch_id, "--out", "results.xlsx")
    assert "xl/workbook.xml" in zipfile.ZipFile(darkroom.folder / "results.xlsx").namelist()
    saved = said(darkroom, "batches", "export", batch_id, "--format", "json", "--failed-only")
    (file,) = darkroom.folder.glob("*.json")
    assert str(file) in saved
    assert [result["success"] for result in json.loads(file.read_text(encoding="utf-8"))["results"]] == [False]


def test_batches_are_steered_cloned_and_deleted(darkroom: CommandLine) -> None:
    name = f"Steered {uuid4().hex[:6]}"
    batch_id = batch_in(said(darkroom, "analyze", "shops.csv", *FETCHED, "--no-start", "--name", name))
    said(darkroom, "batches", "cancel", batch_id)
    assert shown(darkroom, batch_id)["status"] == "cancelled"
    cloned = batch_in(said(darkroom, "batches", "clone", batch_id, f"{name}, again"))
    assert f"{name}, again" in said(darkroom, "batches", "list", "--status", "pending")
    said(darkroom, "batches", "delete", cloned, "--keep-days", "3")
    assert cloned not in said(darkroom, "batches", "list")
    assert cloned in said(darkroom, "batches", "list", "--hidden")
    said(darkroom, "batches", "delete", batch_id, cloned, "--force")
    assert darkroom.run("batches", "show", batch_id).returncode == 1


def test_what_is_refused_is_said_in_a_sentence(darkroom: CommandLine) -> None:
    (darkroom.folder / "other.csv").write_text("foo\nbar\n")
    refused = darkroom.run("analyze", "other.csv")
    assert (refused.returncode, refused.stderr) == (1, "darkroom: No valid URLs found in CSV file\n")
    unknown = darkroom.run("batches", "pause", UNKNOWN_ID, "nothing")
    assert (unknown.returncode, unknown.stderr.count("not found")) == (1, 2)
    assert "there is no file" in darkroom.run("analyze", "missing.csv").stderr


def test_a_batch_without_any_success_is_an_exit_code(darkroom: CommandLine, site: Site) -> None:
    (darkroom.folder / "gone.csv").write_text(f"url\n{site.url}/missing.jpg?{uuid4().hex}\n")
    done = darkroom.run("analyze", "gone.csv", *FETCHED, "--watch")
    assert done.returncode == 1
    assert darkroom.run("batches", "show", batch_in(done.stdout)).returncode == 1
