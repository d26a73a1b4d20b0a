"""What the gateway says about images, made from their rows and their job's."""

from collections.abc import Sequence
from datetime import datetime

from shared.db import Row
from shared.events import ImageCancelled, ImageRequested
from shared.facts import Blob, Label, Recipe, Source, StoppedImage, Timeline


def _label(row: Row) -> Label:
    return Label(
        item=row["item"],
        key=row["item_key"],
        name=row["item_name"],
        position=row["position"],
        size=row["item_size"],
        carried=tuple(row["carried"] or ()),
    )


def _blob(row: Row) -> Blob | None:
    return Blob.model_validate_json(row["source_blob"]) if row["source_blob"] else None


def image_requested(job: Row, row: Row, recipe: Recipe, now: datetime) -> ImageRequested:
    """The event that lets an image in."""
    return ImageRequested(
        account_id=job["account_id"],
        job_id=job["job_id"],
        kind=job["kind"],
        run=job["run"],
        image_id=row["image_id"],
        seq=row["seq"],
        label=_label(row),
        source=Source(url=row["source_url"], repeated=row["repeated"], blob=_blob(row)),
        recipe=recipe,
        price_tokens=job["price_tokens"],
        timeline=Timeline(requested_at=now),
    )


def image_cancelled(job: Row, rows: Sequence[Row]) -> ImageCancelled:
    """The event that says which images will never run."""
    return ImageCancelled(
        account_id=job["account_id"],
        job_id=job["job_id"],
        kind=job["kind"],
        run=job["run"],
        price_tokens=job["price_tokens"],
        images=tuple(
            StoppedImage(
                image_id=row["image_id"], seq=row["seq"], label=_label(row), source=Source(url=row["source_url"])
            )
            for row in rows
        ),
    )
