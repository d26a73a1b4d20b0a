"""The curl commands of the README, run as they stand against the running system."""

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image

from deploy.local.stack import Stack
from tests.builders import Json, Site, images_of, product_csv, until_ended
from tests.docs.readme import Shell, blocks
from tests.eventually import eventually

SHOP = "https://shop.example/hook"
LOCAL = "http://127.0.0.1:8000"
ADMIN_KEY, ACCOUNT = ".darkroom/admin.key", "acme"


@pytest.fixture
def shell(tmp_path: Path, stack: Stack, site_with_a_gap: str, site: Site) -> Iterator[Shell]:
    """A shell beside a products.csv and a shops.csv; one image of each is missing."""
    (tmp_path / "products.csv").write_text(site_with_a_gap)
    (tmp_path / "shops.csv").write_text(f"url,city\n{site.photo()},Bonn\n{site.url}/missing.jpg,Kiel\n")
    with Shell(tmp_path) as opened:
        yield opened


@pytest.fixture
def site_with_a_gap(origin: str) -> str:
    """A product CSV with two images that are there and one that is not."""
    site = Site(origin)
    return product_csv([[site.photo(640, 480), f"{origin}/missing.jpg"], [site.photo(320, 240)]])


class Commands:
    """The README's blocks, each found by a part of its text, with this system's addresses in them."""

    def __init__(self, shell: Shell, stack: Stack, receiver: str) -> None:
        self._shell = shell
        self._places = {
            LOCAL: stack.urls.gateway,
            SHOP: f"{receiver}/hook/readme",
            ADMIN_KEY: str(stack.home.admin_key_file),
            ACCOUNT: f"acme-{uuid4().hex[:8]}",
        }
        self._waiting = blocks("sh")

    @property
    def left(self) -> list[str]:
        """The blocks that were not run."""
        return self._waiting

    def run(self, part: str) -> str:
        """Run the next block that holds this text."""
        block = next(each for each in self._waiting if part in each)
        self._waiting.remove(block)
        for written, meant in self._places.items():
            block = block.replace(written, meant)
        return self._shell.run(block)


def json_of(text: str) -> Json:
    """What a command wrote, as an object."""
    return dict(json.loads(text))


async def test_the_commands_of_the_readme_do_what_it_says(
    shell: Shell, stack: Stack, client: httpx.AsyncClient, receiver: str, tmp_path: Path
) -> None:
    commands = Commands(shell, stack, receiver)
    request_id = str(UUID(commands.run("darkroom=")))
    assert json_of(commands.run("Idempotency-Key"))["status"] == "pending"
    assert "event: end" in commands.run("/events")
    details = json_of(commands.run("curl -s $darkroom/api/details/$id\n"))
    assert details["request_id"] == request_id
    assert [image["problem"] for image in await images_of(client, request_id)] == [None, "http_404", None]

    commands.run("results.zip")
    assert (tmp_path / "results.csv").read_text().startswith("S. No.,")
    assert len(json.loads((tmp_path / "results.json").read_text())) == 2
    assert "xl/workbook.xml" in zipfile.ZipFile(tmp_path / "results.xlsx").namelist()
    assert len(zipfile.ZipFile(tmp_path / "results.zip").namelist()) == 3
    commands.run("image.jpg")
    assert Image.open(tmp_path / "image.jpg").size == (640, 480)

    assert "1 failed images" in json_of(commands.run("/api/retry/"))["message"]
    await until_ended(client, request_id)

    commands.run("webhook_url=")
    await until_ended(client, shell.run("echo $id"))
    deliveries = json_of(commands.run("/resend").partition("}{")[0] + "}")
    assert deliveries["webhook_url"] == f"{receiver}/hook/readme"
    secrets = commands.run("/secret")
    assert secrets.count("whsec_") >= 3

    made, _, secret = commands.run("/api/admin/accounts").partition("}{")
    assert json_of(made + "}")["name"] == "Acme Furniture"
    assert json_of("{" + secret)["secret"] not in secrets
    run_albums(commands, tmp_path)
    run_batch(commands, tmp_path)
    assert commands.left == []


def run_batch(commands: Commands, folder: Path) -> None:
    """The commands about pictures that are read."""
    said = commands.run("@shops.csv")
    assert "event: end" in said
    assert '"batch_name":"High street"' in said
    assert '"error_type":"http_404"' in said
    rows = list(csv.DictReader((folder / "shops-read.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert {row["city"]: row["success"] for row in rows} == {"Bonn": "Yes", "Kiel": "No"}
    assert "xl/workbook.xml" in zipfile.ZipFile(folder / "shops-read.xlsx").namelist()


def run_albums(commands: Commands, folder: Path) -> None:
    """The commands about albums, with a picture of ours."""
    Image.new("RGB", (300, 200), "olive").save(folder / "photo.jpg")
    assert '"totalCost":5' in commands.run("dry_run")
    assert '"status": "COMPLETED"' in commands.run("/stream")
    commands.run("enhanced.jpg")
    assert Image.open(folder / "enhanced.jpg").size == (2048, 1365)


async def test_the_verifier_of_the_readme_tells_genuine_messages_from_others(
    stack: Stack, client: httpx.AsyncClient, origin: str, receiver: str
) -> None:
    names: dict[str, object] = {}
    exec(blocks("python")[0], names)
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    secret = (await client.get("/api/webhooks/secret")).json()["secret"]
    fields = {"webhook_url": f"{receiver}/hook/verified-by-hand"}
    csv = product_csv([[f"{origin}/missing.jpg"]])
    await client.post("/api/upload", files={"file": ("products.csv", csv)}, data=fields)

    async def message() -> Json:
        async with httpx.AsyncClient() as asking:
            found = (await asking.get(f"{receiver}/received", params={"path": "/hook/verified-by-hand"})).json()
        assert found
        return dict(found[0])

    received: Json = await eventually(message, seconds_max=30)
    body = received["body"].encode()
    assert is_genuine(secret, received["headers"], body)
    assert not is_genuine(secret, received["headers"], body + b" ")
    assert not is_genuine(secret, {**received["headers"], "webhook-timestamp": "1700000000"}, body)
