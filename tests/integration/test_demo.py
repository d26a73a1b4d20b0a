"""./darkroom demo, as a whole."""

import csv
import zipfile
from pathlib import Path

from client.demo_products import BROKEN
from deploy.local.stack import Stack
from tests.command_line import CommandLine


def test_the_demo_ends_well_and_says_where_everything_is(stack: Stack, tmp_path: Path) -> None:
    done = CommandLine(stack, tmp_path).run("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "running already" in done.stdout
    assert "72: 64 done, 8 failed" in done.stdout
    assert "signature verified" in done.stdout
    assert all(broken.problem in done.stdout for broken in BROKEN)
    assert f"{stack.urls.gateway}/docs" in done.stdout
    assert f"({stack.urls.management_user} / {stack.urls.management_password})" in done.stdout

    with (stack.home.demo / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert sum(len(row["Output Image Urls"].split(",")) for row in rows) == 72
    assert len(zipfile.ZipFile(stack.home.demo / "results.zip").namelist()) == 65
