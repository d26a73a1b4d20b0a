"""The reference: two bare processes that download, resize with the same engine and write files, and keep no track.

`python -m benchmarks.reference` reads JSON {"urls", "folder", "max_side", "quality"}, prints {"seconds", "cpu_seconds"}
as JSON. Without max_side it only downloads and writes.
"""

import asyncio
import json
import multiprocessing
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp

PROCESSES = 2
DOWNLOADS_AT_ONCE = 8


def main() -> None:
    """Share the URLs among the processes and time them together."""
    order = json.load(sys.stdin)
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES + 1)
    parts = [{**order, "urls": order["urls"][number::PROCESSES]} for number in range(PROCESSES)]
    cpu = context.Queue()
    processes = [context.Process(target=work, args=(part, ready, cpu)) for part in parts]
    for process in processes:
        process.start()
    ready.wait()
    started = time.perf_counter()
    cpu_seconds = sum(cpu.get() for _ in processes)
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    json.dump({"seconds": seconds, "cpu_seconds": cpu_seconds}, sys.stdout)


def work(part: dict[str, Any], ready: Any, cpu: Any) -> None:
    """One process: imports first, then the clock."""
    import pyvips

    pyvips.cache_set_max(0)
    os.nice(10)
    ready.wait()
    before = _cpu_seconds()
    asyncio.run(_run(part, pyvips))
    cpu.put(_cpu_seconds() - before)


async def _run(part: dict[str, Any], pyvips: Any) -> None:
    urls, folder = iter(enumerate(part["urls"])), Path(part["folder"])
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as renderer:
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def take() -> None:
                for number, url in urls:
                    async with session.get(url) as response:
                        body = await response.read()
                    target = folder / f"{os.getpid()}-{number}.jpg"
                    if part["max_side"] is None:
                        target.write_bytes(body)
                    else:
                        await loop.run_in_executor(renderer, _render, pyvips, body, target, part)

            await asyncio.gather(*(take() for _ in range(DOWNLOADS_AT_ONCE)))


def _render(pyvips: Any, body: bytes, target: Path, part: dict[str, Any]) -> None:
    side = part["max_side"]
    picture = pyvips.Image.thumbnail_buffer(body, side, height=side, size="down")
    picture.jpegsave(str(target), Q=part["quality"], keep="none")


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
