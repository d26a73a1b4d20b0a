"""The first four rows of the budget table, each as a ratio to a reference in the same run."""

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import measure, workload
from benchmarks.measure import Run
from benchmarks.workload import Workload
from deploy.local.stack import Stack
from deploy.local.state import CHECKOUT

HOME = CHECKOUT / ".darkroom" / "bench"
SETTINGS = {"DARKROOM_FETCH_ALLOW": "127.0.0.1/32", "DARKROOM_FETCH_PER_HOST_CONNECTIONS": "64"}
console = Console()


def run(images: int, tiny: int, rounds: int) -> dict[str, Any]:
    """Measure on a quiet machine: a stack of its own, the reference in turn with it."""
    stack = Stack(HOME)
    stack.destroy()
    stack.start(extra=SETTINGS, report=console.log)
    try:
        found = [_round(stack, images, tiny, number) for number in range(rounds)]
    finally:
        stack.destroy()
    figures = {name: sorted(each[name] for each in found)[len(found) // 2] for name in found[0]}
    _show(figures)
    return {"figures": figures, "rounds": found}


def _round(stack: Stack, images: int, tiny: int, number: int) -> dict[str, Any]:
    console.log(f"Round {number + 1}")
    mixed = _said("reference", measure.through_the_reference(_sized(workload.MIXED, images)))
    ours = _said("mixed", measure.through_the_stack(stack, _sized(workload.MIXED, images)))
    late = _said("late", measure.through_the_stack(stack, _sized(workload.LATE, images)))
    noop = _said("no-op", measure.through_the_stack(stack, _sized(workload.TINY, tiny)))
    bare = _said("bare downloads", measure.through_the_reference(_sized(workload.TINY, tiny)))
    return {
        "ratio_to_reference": ours.images_per_second / mixed.images_per_second,
        "ratio_late_origin": late.images_per_second / ours.images_per_second,
        "noop_images_per_second": noop.images_per_second,
        "added_cpu_ms_noop": noop.cpu_ms_per_image - bare.cpu_ms_per_image,
        "added_cpu_ms_mixed": ours.cpu_ms_per_image - mixed.cpu_ms_per_image,
        "reference_images_per_second": mixed.images_per_second,
        "images_per_second": ours.images_per_second,
    }


def _sized(kind: Workload, images: int) -> Workload:
    return Workload(kind.name, images, kind.sizes, kind.operation, kind.max_side, kind.quality, kind.delay_ms)


def _said(name: str, run: Run) -> Run:
    members = ", ".join(f"{member} {1000 * used / run.images:.2f}" for member, used in run.cpu_by_member.items())
    console.log(f"{name}: {run.images_per_second:.0f} images/s, {run.failed} failed; CPU ms/image: {members}")
    return run


def _show(figures: dict[str, float]) -> None:
    table = Table("figure", "median", "bar", "aim", title="Darkroom against its budgets")
    for name, label, bar, aim in (
        ("ratio_to_reference", "mixed 2 MP to 1024 px, ratio to the bare loop", "0.80", "0.95"),
        ("ratio_late_origin", "the same, origin 100 ms away, ratio to without", "0.90", "0.98"),
        ("noop_images_per_second", "no-op recipe, tiny images, images/s", "700", "1500"),
        ("added_cpu_ms_noop", "CPU added per image, ms (no-op)", "2.5", "1.2"),
        ("added_cpu_ms_mixed", "CPU added per image, ms (mixed)", "2.5", "1.2"),
    ):
        table.add_row(label, f"{figures[name]:.2f}", bar, aim)
    console.print(table)
