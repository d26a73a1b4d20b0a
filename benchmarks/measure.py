"""Runs a workload through the running stack, and the same through the reference; counts time and CPU."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from benchmarks.workload import Workload
from deploy.local.stack import Stack

POLL_SECONDS = 0.5  # each look costs the gateway some milliseconds, which count as the system's
JOB_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took; CPU of every process that took part but the origin."""

    images: int
    failed: int
    seconds: float
    cpu_seconds: float
    cpu_by_member: dict[str, float]

    @property
    def images_per_second(self) -> float:
        """Throughput, from upload to the last image's end."""
        return self.images / self.seconds

    @property
    def cpu_ms_per_image(self) -> float:
        """Processor time per image in milliseconds."""
        return 1000 * self.cpu_seconds / self.images


@contextmanager
def origin_of(workload: Workload) -> Iterator[str]:
    """A local origin in a process of its own, its pictures drawn."""
    command = [sys.executable, "-m", "client.origin", "--delay-ms", str(workload.delay_ms)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url: str = json.loads(process.stdout.readline())["url"]
        with ThreadPoolExecutor(8) as pool, httpx.Client(timeout=60) as client:
            list(pool.map(client.get, workload.warm_urls(url)))
        yield url
    finally:
        process.terminate()
        process.wait()


def through_the_stack(stack: Stack, workload: Workload) -> Run:
    """Upload the workload's CSV and wait until its last image has ended."""
    with origin_of(workload) as origin, httpx.Client(base_url=stack.urls.gateway, timeout=120) as client:
        upload = workload.csv(origin)
        before = _cpu(stack)
        started = time.perf_counter()
        answer = client.post("/api/upload", files={"file": ("products.csv", upload)}, data=workload.form())
        answer.raise_for_status()
        status = _wait(client, answer.json()["request_id"], started)
        seconds = time.perf_counter() - started
        after = _cpu(stack)
    used = {name: after[name] - before.get(name, 0.0) for name in after}
    return Run(workload.images, status["images"]["failed"], seconds, sum(used.values()), used)


def _wait(client: httpx.Client, request_id: str, started: float) -> dict[str, dict[str, int]]:
    while time.perf_counter() - started < JOB_SECONDS_MAX:
        status: dict[str, dict[str, int]] = client.get(f"/api/status/{request_id}").json()
        if not status["images"]["pending"]:
            return status
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{request_id} has not ended after {JOB_SECONDS_MAX} s")


def through_the_reference(workload: Workload) -> Run:
    """The same pictures through two bare processes."""
    with origin_of(workload) as origin, tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        order = {
            "urls": workload.urls(origin),
            "folder": folder,
            "max_side": workload.max_side if workload.operation == "compress" else None,
            "quality": workload.quality,
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.reference"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout)
    return Run(workload.images, 0, found["seconds"], found["cpu_seconds"], {"reference": found["cpu_seconds"]})


def _cpu(stack: Stack) -> dict[str, float]:
    """Processor seconds of each member with its children, those that have ended included."""
    used = {}
    for row in stack.status():
        with suppress(psutil.NoSuchProcess):
            member = psutil.Process(row.pid)
            family = [member, *member.children(recursive=True)]
            used[row.name] = sum(_own_cpu(process) for process in family) + _ended_children_cpu(member)
    return used


def _own_cpu(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _ended_children_cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.children_user + times.children_system)
