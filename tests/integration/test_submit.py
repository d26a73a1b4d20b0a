"""./darkroom submit, jobs and webhooks against the running system."""

import csv
import json
import re
import signal
import zipfile
from pathlib import Path

import httpx
import pytest

from deploy.local.stack import Stack
from tests.builders import Site, product_csv, until_ended
from tests.command_line import CommandLine

REQUEST = re.compile(r"Request ([0-9a-f-]{36})")


@pytest.fixture
def darkroom(stack: Stack, tmp_path: Path) -> CommandLine:
    """The command line in a folder of its own."""
    return CommandLine(stack, tmp_path)


@pytest.fixture
def site(origin: str) -> Site:
    """The origin's pictures."""
    return Site(origin)


def request_in(output: str) -> str:
    """The id that a command said."""
    found = REQUEST.search(output)
    assert found is not None, output
    return found[1]


def test_submit_watches_to_the_end_and_saves_the_results(darkroom: CommandLine, site: Site) -> None:
    (darkroom.folder / "shop.csv").write_text(product_csv([[site.photo(64, 48), f"{site.url}/missing.jpg"]]))
    done = darkroom.run("submit", "shop.csv", "--watch", "--output", "results", "--format", "webp", "--max-side", "32")
    assert done.returncode == 0, done.stderr
    assert "completed: 2 of 2 images (1 done, 1 failed)" in done.stdout
    assert "http_404" in done.stdout
    with (darkroom.folder / "results/processed_shop.csv").open() as file:
        outputs = next(csv.DictReader(file))["Output Image Urls"]
    assert re.fullmatch(r"http://[^,]+\.webp,", outputs)
    names = zipfile.ZipFile(darkroom.folder / "results/processed_shop.zip").namelist()
    assert names == ["Product 1-1.webp", "results.csv"]


def test_submitting_the_same_file_again_finds_its_request(darkroom: CommandLine, site: Site) -> None:
    (darkroom.folder / "shop.csv").write_text(product_csv([[site.photo()]]))
    first, second = (request_in(darkroom.run("submit", "shop.csv").stdout) for _ in range(2))
    other = request_in(darkroom.run("submit", "shop.csv", "--quality", "70").stdout)
    anew = request_in(darkroom.run("submit", "shop.csv", "--again").stdout)
    assert first == second
    assert len({first, other, anew}) == 3


def test_a_refused_file_is_told_row_by_row(darkroom: CommandLine) -> None:
    (darkroom.folder / "bad.csv").write_text("S. No.,Product Name,Input Image Urls\n1,,http://a/1.jpg\n2,B,nowhere\n")
    done = darkroom.run("submit", "bad.csv")
    assert done.returncode == 1
    assert "Missing data in row 1" in done.stderr
    assert "Invalid image URL format in row 2" in done.stderr
    assert done.stdout == ""


def test_a_request_whose_every_image_failed_ends_the_command_with_1(darkroom: CommandLine, site: Site) -> None:
    (darkroom.folder / "gone.csv").write_text(product_csv([[f"{site.url}/missing.jpg"]]))
    done = darkroom.run("submit", "gone.csv", "--watch")
    assert done.returncode == 1
    assert "failed: 1 of 1 images (0 done, 1 failed)" in done.stdout


async def test_ctrl_c_leaves_the_request_running_and_says_how_to_watch_it(
    darkroom: CommandLine, site: Site, client: httpx.AsyncClient
) -> None:
    later = f"{site.url}/flaky/1/photos/1-8x8.jpg?retry_after=2&variant={darkroom.folder.name}"
    (darkroom.folder / "slow.csv").write_text(product_csv([[later]]))
    watching = darkroom.start("submit", "slow.csv", "--watch")
    assert watching.stdout is not None
    request_id = request_in(watching.stdout.readline())
    assert "0 of 1 images" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    said, _ = watching.communicate(timeout=20)
    assert watching.returncode == 130
    assert f"./darkroom jobs status {request_id} --watch" in said
    assert (await until_ended(client, request_id))["status"] == "completed"


def test_the_webhook_of_a_request_is_told_logged_and_sent_again(
    darkroom: CommandLine, site: Site, receiver: str
) -> None:
    (darkroom.folder / "shop.csv").write_text(product_csv([[site.photo()]]))
    hook = f"{receiver}/hook/submit"
    secret = darkroom.run("webhooks", "secret").stdout.strip()
    assert secret.startswith("whsec_")
    done = darkroom.run("submit", "shop.csv", "--webhook", hook, "--secret", secret, "--watch")
    assert "Webhook: delivered" in done.stdout
    request_id = request_in(done.stdout)
    logged = darkroom.run("webhooks", "log", request_id).stdout
    assert hook in logged
    assert "HTTP 204" in logged
    assert darkroom.run("webhooks", "resend", request_id).returncode == 0


def test_a_webhook_that_may_not_be_called_is_refused_with_a_hint(darkroom: CommandLine, site: Site) -> None:
    (darkroom.folder / "shop.csv").write_text(product_csv([[site.photo()]]))
    done = darkroom.run("submit", "shop.csv", "--webhook", "http://10.0.0.1/hook")
    assert done.returncode == 1
    assert "Invalid webhook URL format" in done.stderr
    assert "DARKROOM_FETCH_ALLOW" in done.stderr


def test_jobs_tell_status_as_json_and_retry_what_failed(darkroom: CommandLine, site: Site) -> None:
    flaky = f"{site.url}/flaky/4/photos/1-8x8.jpg?variant={darkroom.folder.name}"
    (darkroom.folder / "shop.csv").write_text(product_csv([[flaky]]))
    request_id = request_in(darkroom.run("submit", "shop.csv", "--watch").stdout)
    images = {"total": 1, "completed": 0, "failed": 1, "pending": 0}
    assert json.loads(darkroom.run("jobs", "status", request_id, "--json").stdout)["images"] == images
    again = darkroom.run("jobs", "retry", request_id, "--watch")
    assert again.returncode == 0, again.stderr
    assert "completed: 1 of 1 images (1 done, 0 failed)" in again.stdout


def test_an_unknown_request_is_one_sentence(darkroom: CommandLine) -> None:
    done = darkroom.run("jobs", "status", "nothing")
    assert done.returncode == 1
    assert done.stderr == "darkroom: Request with ID nothing not found\n"
