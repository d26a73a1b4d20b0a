"""A batch of a million rows: taken in, looked at while it runs, passed by a small one, paused, cancelled."""

import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import measure, workload
from benchmarks.throughput import SETTINGS
from benchmarks.workload import Workload
from deploy.local.stack import Stack
from deploy.local.state import CHECKOUT

HOME = CHECKOUT / ".darkroom" / "bench"
LOOK_SECONDS = 0.1
SAMPLE_SECONDS = 0.1
STILL_SECONDS = 2.0
SMALL_IMAGES = 3
PASSED_AT = 0.2
MB = 1_000_000
BARS = {
    "intake_seconds": ("accepted, s", "20 (aim 6)"),
    "gateway_peak_mb": ("gateway's peak RSS, MB", "200 (aim 120)"),
    "images_per_second": ("no-op images/s of it", "700 alone"),
    "status_p99_ms": ("status while it runs, p99 ms", "60 (aim 15)"),
    "progress_p99_ms": ("progress, p99 ms", "60 (aim 15)"),
    "list_p99_ms": ("list, p99 ms", "60 (aim 15)"),
    "small_seconds": ("3 images submitted meanwhile, s", "seconds"),
    "pause_seconds": ("until a pause has taken effect, s", "2 (aim 0.5)"),
}
console = Console()


def run(rows: int, processed: int) -> dict[str, float]:
    """Measure on a quiet machine, with a stack of its own."""
    stack = Stack(HOME)
    stack.destroy()
    stack.start(extra=SETTINGS, report=console.log)
    try:
        with (
            measure.origin_of(workload.TINY) as origin,
            httpx.Client(base_url=stack.urls.gateway, timeout=120) as client,
        ):
            found = _measured(stack, client, origin, rows, processed)
    finally:
        stack.destroy()
    _show(found)
    return found


def _measured(stack: Stack, client: httpx.Client, origin: str, rows: int, processed: int) -> dict[str, float]:
    with _csv(origin, rows) as file, _peak_of(_gateway_pid(stack)) as peak:
        started = time.perf_counter()
        batch_id = _created(client, file)
        intake_seconds = time.perf_counter() - started
    console.log(f"{rows:,} rows accepted in {intake_seconds:.1f} s, gateway {max(peak) / MB:.0f} MB")
    found = {"intake_seconds": intake_seconds, "gateway_peak_mb": max(peak) / MB}
    with _looking(stack.urls.gateway, batch_id) as looks:
        _until_processed(client, batch_id, processed * PASSED_AT)
        started = time.perf_counter()
        small_id = _small(client, origin)
        _until_processed(client, small_id, SMALL_IMAGES)
        found["small_seconds"] = time.perf_counter() - started
        begun = _processed(client, batch_id)
        started = time.perf_counter()
        _until_processed(client, batch_id, processed)
        found["images_per_second"] = (_processed(client, batch_id) - begun) / (time.perf_counter() - started)
        found["pause_seconds"] = _pause(client, batch_id)
    for what, seconds in looks.items():
        found[f"{what}_p99_ms"] = 1000 * statistics.quantiles(seconds, n=100)[98]
        found[f"{what}_median_ms"] = 1000 * statistics.median(seconds)
    client.post(f"/api/v1/batches/{batch_id}/cancel").raise_for_status()
    return found


@contextmanager
def _csv(origin: str, rows: int) -> Iterator[BinaryIO]:
    """So many distinct URLs in a file."""
    urls = Workload("batch", images=rows, sizes=("16x16",)).urls(origin)
    with tempfile.TemporaryFile() as file:
        file.write(b"url\n")
        file.writelines(f"{url}\n".encode() for url in urls)
        file.seek(0)
        yield file


def _created(client: httpx.Client, file: BinaryIO | bytes) -> str:
    form = {"auto_start": "true", "operation": "copy"}
    answer = client.post("/api/v1/batches", files={"file": ("urls.csv", file)}, data=form)
    answer.raise_for_status()
    return str(answer.json()["data"]["batch_id"])


def _small(client: httpx.Client, origin: str) -> str:
    urls = Workload("small", images=SMALL_IMAGES, sizes=("16x16",)).urls(origin)
    return _created(client, "\n".join(["url", *urls]).encode())


def _processed(client: httpx.Client, batch_id: str) -> int:
    return int(client.get(f"/api/v1/batches/{batch_id}/progress").json()["data"]["processed_count"])


def _until_processed(client: httpx.Client, batch_id: str, images: float) -> None:
    while _processed(client, batch_id) < images:
        time.sleep(LOOK_SECONDS)


def _pause(client: httpx.Client, batch_id: str) -> float:
    """From asking for a pause to the last image that still ended."""
    started = last = time.perf_counter()
    client.post(f"/api/v1/batches/{batch_id}/pause").raise_for_status()
    seen = _processed(client, batch_id)
    while (now := time.perf_counter()) - last < STILL_SECONDS:
        if (found := _processed(client, batch_id)) != seen:
            seen, last = found, now
        time.sleep(LOOK_SECONDS / 4)
    return last - started


@contextmanager
def _looking(url: str, batch_id: str) -> Iterator[dict[str, list[float]]]:
    """Somebody looks at the batch again and again; seconds of each look."""
    looks: dict[str, list[float]] = defaultdict(list)
    paths = {
        "status": f"/api/v1/batches/{batch_id}/status",
        "progress": f"/api/v1/batches/{batch_id}/progress",
        "list": "/api/v1/batches",
    }
    ended = threading.Event()

    def look() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not ended.wait(LOOK_SECONDS):
                for what, path in paths.items():
                    started = time.perf_counter()
                    client.get(path).raise_for_status()
                    looks[what].append(time.perf_counter() - started)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join()


def _gateway_pid(stack: Stack) -> int:
    return next(row.pid for row in stack.status() if row.name == "gateway")


@contextmanager
def _peak_of(pid: int) -> Iterator[list[int]]:
    """Memory of a process in RAM, in bytes, looked at all the time."""
    seen = [psutil.Process(pid).memory_info().rss]
    ended = threading.Event()

    def look() -> None:
        with suppress(psutil.NoSuchProcess):
            while not ended.wait(SAMPLE_SECONDS):
                seen.append(psutil.Process(pid).memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _show(found: dict[str, Any]) -> None:
    table = Table("figure", "found", "bar", title="A large batch")
    for name, (label, bar) in BARS.items():
        table.add_row(label, f"{found[name]:.2f}", bar)
    console.print(table)
