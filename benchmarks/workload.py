"""What is measured: product CSVs over the local origin's pictures."""

import io
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

SIZES = ("1920x1080", "1600x1250", "1414x1414", "1250x1600", "1730x1150")
SEEDS = 4
RUN_IMAGES_MAX = 1_000_000
_RUNS = itertools.count(int(time.time()))


@dataclass(frozen=True, slots=True)
class Workload:
    """A job: how many images of which kind, what is done with them, and how late the origin answers."""

    name: str
    images: int
    sizes: Sequence[str] = SIZES
    operation: str = "compress"
    max_side: int | None = 1024
    quality: int = 80
    delay_ms: float = 0

    def urls(self, origin: str) -> list[str]:
        """One URL per image: few drawings, but every file of every run has bytes of its own."""
        start = next(_RUNS) * RUN_IMAGES_MAX
        return [f"{origin}{path}?variant={start + number}" for number, path in enumerate(self._paths())]

    def warm_urls(self, origin: str) -> list[str]:
        """Each drawing once, so that the origin has drawn them all before the clock starts."""
        return [f"{origin}{path}" for path in sorted(set(self._paths()))]

    def csv(self, origin: str) -> bytes:
        """The upload."""
        text = io.StringIO()
        text.write("S. No.,Product Name,Input Image Urls\n")
        for number, url in enumerate(self.urls(origin), 1):
            text.write(f"{number},Product {number},{url}\n")
        return text.getvalue().encode()

    def form(self) -> dict[str, str]:
        """The upload's other fields."""
        fields = {"operation": self.operation}
        if self.operation != "copy":
            fields |= {"quality": str(self.quality), "max_side": str(self.max_side)}
        return fields

    def _paths(self) -> list[str]:
        kinds = [f"/photos/{seed}-{size}.jpg" for size in self.sizes for seed in range(1, SEEDS + 1)]
        return [kinds[number % len(kinds)] for number in range(self.images)]


MIXED = Workload("mixed", images=1500)
LATE = Workload("mixed, origin 100 ms away", images=1500, delay_ms=100)
TINY = Workload("no-op, tiny images", images=10_000, sizes=("16x16",), operation="copy")
