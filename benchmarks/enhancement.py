"""Whether `enhance` helps: known pictures are spoiled, enhanced, and compared with what they were before.

Beside it two baselines get the same files: a plain Lanczos resize, and Pillow's autocontrast before that resize. All
three are stored as JPEG at quality 95.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.degradations import DEGRADATIONS, GOOD
from benchmarks.drawings import drawings
from benchmarks.repairs import Comparison, compare

PHOTOGRAPH_PIXELS_MAX = 640
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
SSIM_LOSS_MAX = 0.01  # of a good picture, compared with the plain resize
console = Console()


def run(folder: Path | None = None) -> dict[str, Any]:
    """Compare on drawn pictures, or on the photographs of a folder; print the table, return the figures."""
    pictures = dict(photographs(folder)) if folder else drawings()
    found = {
        degradation: {name: compare(picture, degradation) for name, picture in pictures.items()}
        for degradation in track([GOOD, *DEGRADATIONS], "Enhancing", console=console, transient=True)
    }
    console.print(_table(found, len(pictures)))
    return {
        degradation: {name: asdict(each) for name, each in comparisons.items()}
        for degradation, comparisons in found.items()
    }


def photographs(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """The pictures in a folder, upright and small enough that the comparison does not take all day."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in ENDINGS:
            with Image.open(path) as stored:
                picture = ImageOps.exif_transpose(stored).convert("RGB")
            picture.thumbnail((PHOTOGRAPH_PIXELS_MAX, PHOTOGRAPH_PIXELS_MAX), Image.Resampling.LANCZOS)
            yield path.stem, picture


def verdict(degradation: str, comparisons: Mapping[str, Comparison]) -> bool:
    """Spoiled: nearer to the original than both baselines, in both means. Good: no picture has lost 1 % of SSIM."""
    every = list(comparisons.values())
    if degradation == GOOD:
        return all(each.enhanced.ssim >= (1 - SSIM_LOSS_MAX) * each.plain.ssim for each in every)
    plain, autocontrast, enhanced = _means(every)
    return enhanced[0] > max(plain[0], autocontrast[0]) and enhanced[1] < min(plain[1], autocontrast[1])


def _means(comparisons: list[Comparison]) -> list[tuple[float, float]]:
    """Mean SSIM and mean colour difference of the three."""
    columns = zip(*((each.plain, each.autocontrast, each.enhanced) for each in comparisons), strict=True)
    return [
        (
            sum(each.ssim for each in column) / len(column),
            sum(each.colour_difference for each in column) / len(column),
        )
        for column in columns
    ]


def _table(found: Mapping[str, Mapping[str, Comparison]], count: int) -> Table:
    table = Table(title=f"Likeness to the original, means of {count} pictures: SSIM up, colour difference ΔE2000 down")
    table.add_column("spoiled by")
    for measure in ("SSIM", "ΔE"):
        for name in ("plain", "autocontrast", "enhance"):
            table.add_column(f"{measure} {name}", justify="right")
    table.add_column("")
    for degradation, comparisons in found.items():
        means = _means(list(comparisons.values()))
        passed = "[green]PASS[/green]" if verdict(degradation, comparisons) else "[red]short[/red]"
        figures = [f"{ssim:.4f}" for ssim, _ in means] + [f"{difference:.2f}" for _, difference in means]
        table.add_row(degradation, *figures, passed)
    return table
