"""What an export is made of: one row per image, gathered into products."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal

Layout = Literal["standard", "legacy"]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """How one image ended; rows of one item follow one another in order of `seq`."""

    seq: int
    item: int  # data row of the CSV, from 1
    item_key: str  # serial number
    item_name: str  # product name
    position: int  # within the item, from 0
    item_size: int  # URLs of the item
    source_url: str
    state: Literal["succeeded", "failed", "cancelled"]
    image_name: str | None
    image_url: str | None
    blob: str | None
    problem: str | None
    detail: str | None
    attempts: int
    source_bytes: int | None
    output_bytes: int | None

    @property
    def output_url(self) -> str | None:
        """Where the finished image is found; None unless it succeeded."""
        return self.image_url if self.state == "succeeded" else None


Pages = AsyncIterator[Sequence[ResultRow]]


@dataclass(frozen=True, slots=True)
class Written:
    """What a result file holds: lines (products), images beside them (ZIP), cells cut at a sheet's limit (XLSX)."""

    rows: int
    images: int = 0
    cells_shortened: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """One line of the result: an item of the job with all its images."""

    images: tuple[ResultRow, ...]

    @property
    def key(self) -> str:
        """Serial number, as it was given."""
        return self.images[0].item_key

    @property
    def name(self) -> str:
        """Product name, as it was given."""
        return self.images[0].item_name

    @property
    def inputs(self) -> list[str]:
        """Source URLs in their order."""
        return [image.source_url for image in self.images]

    @property
    def outputs(self) -> list[str]:
        """As many URLs as `inputs`, with "" in the slot of an image that did not succeed."""
        return [image.output_url or "" for image in self.images]

    @property
    def problems(self) -> list[str]:
        """One `position: problem detail` for each image without a result, position from 1, no semicolon inside."""
        return [
            f"{image.position + 1}: {_reason(image)}".replace(";", ",")
            for image in self.images
            if image.state != "succeeded"
        ]


def _reason(image: ResultRow) -> str:
    detail = " ".join((image.detail or "").split())
    return f"{image.problem or image.state} {detail}".strip()


def products_of(rows: Iterable[ResultRow]) -> Iterator[Product]:
    """Gather contiguous rows into products; holds one product at a time."""
    for _, images in groupby(rows, key=attrgetter("item")):
        yield Product(tuple(images))
