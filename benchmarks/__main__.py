"""`./darkroom bench`: how fast the system and its ledger are, whether `enhance` helps; all, or what is named."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import batches, enhancement, exports, ledger, throughput, workload
from deploy.local.state import CHECKOUT

RESULTS = CHECKOUT / "benchmarks" / "results"
console = Console()


class Benchmark(StrEnum):
    """What can be measured."""

    THROUGHPUT = "throughput"
    LEDGER = "ledger"
    ENHANCEMENT = "enhancement"
    BATCHES = "batches"
    EXPORTS = "exports"


def main(
    which: Annotated[list[Benchmark] | None, typer.Argument(help="What to run; everything when none is named.")] = None,
    images: Annotated[int, typer.Option(help="Images of the mixed workload.")] = workload.MIXED.images,
    tiny: Annotated[int, typer.Option(help="Images of the no-op workload.")] = workload.TINY.images,
    rounds: Annotated[int, typer.Option(help="Rounds of throughput; the median ratio counts.")] = 3,
    rows: Annotated[int, typer.Option(help="Rows of the large batch, and of the exports.")] = 1_000_000,
    processed: Annotated[int, typer.Option(help="How many of them are waited for.")] = 100_000,
    pictures: Annotated[
        Path | None, typer.Option(help="A folder of photographs to enhance instead of drawn ones.", exists=True)
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where the JSON goes.")] = None,
) -> None:
    """Run benchmarks: all but enhancement on a quiet machine, with servers of their own."""
    chosen = which or list(Benchmark)
    found: dict[str, Any] = {}
    if Benchmark.THROUGHPUT in chosen:
        found |= throughput.run(images, tiny, rounds)
    if Benchmark.LEDGER in chosen:
        found["ledger"] = ledger.run()
    if Benchmark.ENHANCEMENT in chosen:
        found["enhancement"] = enhancement.run(pictures)
    if Benchmark.BATCHES in chosen:
        found["batches"] = batches.run(rows, processed)
    if Benchmark.EXPORTS in chosen:
        found["exports"] = exports.run(rows)
    path = output or RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2))
    console.print(f"Written to {path}")


if __name__ == "__main__":
    typer.run(main)
