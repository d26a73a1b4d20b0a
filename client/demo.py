"""The demo: a product CSV through the whole system on this machine, and a look at whether all came out as it must."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import httpx
from rich.console import Console

from client.answers import Details, Options
from client.children import server
from client.connecting import open_gateway
from client.demo_products import DemoSet, make_demo_set
from client.gateway import Gateway
from client.progress import follow
from client.reading import print_new_admin_key
from deploy.local.identity import wait_until
from deploy.local.stack import Stack
from deploy.local.state import CHECKOUT

DRAWING_THREADS = 4
DRAWING_SECONDS_MAX = 60
WEBHOOK_SECONDS_MAX = 30
RESULTS_TABLE = "results.csv"


class Received(NamedTuple):
    """The webhook as the receiver took it; verified: whether its signature is the account's."""

    message_id: str
    verified: bool
    content: dict[str, Any]


@dataclass(frozen=True)
class Played:
    """What came out: bytes are those of the images that succeeded."""

    planned: DemoSet
    details: Details
    seconds: float
    bytes_before: int
    bytes_after: int
    images_in_zip: int
    webhooks: tuple[Received, ...]
    csv: Path
    zip: Path


class Servers(NamedTuple):
    """The addresses of the demo's own servers."""

    origin: str
    receiver: str


def play(console: Console) -> Played:
    """Start what does not run, submit the demo's products, follow them to the end and fetch the results."""
    stack = Stack()
    _bring_up(stack, console)
    folder = stack.home.demo
    folder.mkdir(mode=0o700, exist_ok=True)
    with _servers(stack) as servers, open_gateway(stack.urls.gateway) as gateway:
        planned = make_demo_set(servers.origin, int(time.time()))
        with console.status("Drawing pictures"):
            _draw_ahead(planned)
        _say(
            console, f"{planned.images} image URLs at {servers.origin}, {len(planned.problems)} of them bad on purpose"
        )
        return _submit(console, gateway, planned, servers, folder)


def _submit(console: Console, gateway: Gateway, planned: DemoSet, servers: Servers, folder: Path) -> Played:
    file = folder / "products.csv"
    file.write_text(planned.to_csv(), encoding="utf-8")
    httpx.post(f"{servers.receiver}/secret", content=gateway.webhook_secret().secret).raise_for_status()
    started = time.monotonic()
    accepted = gateway.upload(file, Options(webhook_url=f"{servers.receiver}/hook"))
    _say(console, f"{file} uploaded to {gateway.url}: request {accepted.request_id}")
    follow(gateway.watch(accepted.request_id), console)
    seconds = time.monotonic() - started
    with console.status("Waiting for the webhook and the result files"):
        webhooks = _webhooks(servers.receiver, accepted.request_id)
        csv = gateway.download(accepted.request_id, "csv", folder / "results.csv")
        zip_file = gateway.download(accepted.request_id, "zip", folder / "results.zip")
        images, bytes_after = _weigh_zip(zip_file)
        return Played(
            planned=planned,
            details=gateway.details(accepted.request_id),
            seconds=seconds,
            bytes_before=_bytes_at_origin(planned),
            bytes_after=bytes_after,
            images_in_zip=images,
            webhooks=webhooks,
            csv=csv,
            zip=zip_file,
        )


def find_faults(played: Played) -> list[str]:
    """What is not as it must be, one sentence each: none, when Darkroom works."""
    found = {image.input_url: image.problem for product in played.details.products for image in product.images}
    wrong = [
        f"{url} ended with {found.get(url) or 'success'} instead of {played.planned.problems.get(url) or 'success'}"
        for product in played.planned.products
        for url in product.urls
        if url not in found or found[url] != played.planned.problems.get(url)
    ]
    good = len(played.planned.good_urls)
    if played.details.status != "completed":
        wrong.append(f"the request is {played.details.status} instead of completed")
    if not any(webhook.verified for webhook in played.webhooks):
        wrong.append("no webhook with a good signature came")
    if len({webhook.message_id for webhook in played.webhooks}) > 1:
        wrong.append("more than one webhook message came")
    if played.images_in_zip != good:
        wrong.append(f"the ZIP holds {played.images_in_zip} images instead of {good}")
    return wrong


def _bring_up(stack: Stack, console: Console) -> None:
    started, key_before = time.monotonic(), stack.admin_key
    with console.status("Looking for the stack") as status:

        def report(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                console.print(text)

        was_started = stack.start(report=report)
    how = f"started in {time.monotonic() - started:.1f} s" if was_started else "running already"
    _say(console, f"RabbitMQ, Postgres and five services {how}")
    print_new_admin_key(console, stack, key_before)


@contextmanager
def _servers(stack: Stack) -> Iterator[Servers]:
    """The pictures' origin and the webhooks' receiver, at the ports that the stack may reach."""
    with ExitStack() as running:
        yield Servers(
            *(
                running.enter_context(
                    server(f"client.{name}", "--port", str(port), folder=CHECKOUT, log=stack.home.log_of(name))
                )
                for name, port in sorted(stack.urls.demo_ports.items())
            )
        )


def _draw_ahead(planned: DemoSet) -> None:
    """Have every picture drawn, so that the pipeline is measured and not the pencil."""
    steady = [url for url in planned.good_urls if "/flaky/" not in url]
    with (
        httpx.Client(timeout=DRAWING_SECONDS_MAX, follow_redirects=True, trust_env=False) as client,
        ThreadPoolExecutor(DRAWING_THREADS) as threads,
    ):
        for response in threads.map(client.get, steady):
            response.raise_for_status()


def _bytes_at_origin(planned: DemoSet) -> int:
    with httpx.Client(follow_redirects=True, trust_env=False) as client:
        return sum(int(client.head(url).headers["content-length"]) for url in planned.good_urls)


def _webhooks(receiver: str, request_id: str) -> tuple[Received, ...]:
    """What the receiver got for the request, when it comes in time."""
    received: list[Received] = []

    def has_come() -> bool:
        deliveries = httpx.get(f"{receiver}/received", params={"path": "/hook"}).json()
        received[:] = [
            Received(each["headers"].get("webhook-id", ""), each["verified"] is True, each["json"])
            for each in deliveries
            if each["json"] and each["json"].get("request_id") == request_id
        ]
        return bool(received)

    wait_until(has_come, WEBHOOK_SECONDS_MAX)
    return tuple(received)


def _weigh_zip(path: Path) -> tuple[int, int]:
    """How many images an archive holds and their bytes; BadZipFile when one of them is damaged."""
    with ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise BadZipFile(f"{damaged} in {path} is damaged")
        images = [each for each in archive.infolist() if each.filename != RESULTS_TABLE]
    return len(images), sum(each.file_size for each in images)


def _say(console: Console, text: str) -> None:
    console.print(f"[green]✓[/green] {text}", soft_wrap=True)
