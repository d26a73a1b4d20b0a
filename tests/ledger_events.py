"""Builders of the events that the ledger hears."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.envelope import new_id
from shared.events import ImageCancelled, ImageEnhanced, ImageFailed, JobSubmitted
from shared.facts import Blob, Label, Recipe, Source, StoppedImage, Timeline

SOURCE_BYTES, RENDITION_BYTES = 2_000, 300


def _blob(size_bytes: int) -> Blob:
    return Blob(digest="0" * 64, size_bytes=size_bytes, format="jpeg", width=8, height=6)


@dataclass(frozen=True)
class Run:
    """A run of a job of some account, and its images."""

    account_id: str
    images_total: int = 1
    price_tokens: int = 1
    run: int = 1
    job_id: UUID = field(default_factory=new_id)
    image_ids: tuple[UUID, ...] = ()

    def __post_init__(self) -> None:
        if not self.image_ids:
            object.__setattr__(self, "image_ids", tuple(new_id() for _ in range(self.images_total)))

    def submitted(self) -> JobSubmitted:
        """The run was accepted."""
        return JobSubmitted(**self._priced(), images_total=self.images_total, recipe=Recipe(operation="copy"))

    def enhanced(self, place: int = 0) -> ImageEnhanced:
        """An image succeeded."""
        return ImageEnhanced(**self._image(place), original=_blob(SOURCE_BYTES), rendition=_blob(RENDITION_BYTES))

    def failed(self, place: int = 0) -> ImageFailed:
        """An image failed."""
        return ImageFailed(**self._image(place), stage="fetch", problem="http_404")

    def cancelled(self, *places: int) -> ImageCancelled:
        """Images will never run."""
        return ImageCancelled(
            **self._priced(),
            images=tuple(
                StoppedImage(image_id=self.image_ids[place], seq=place, label=Label(item=1), source=Source(url=""))
                for place in places
            ),
        )

    def _priced(self) -> dict[str, Any]:
        names = ("account_id", "job_id", "run", "price_tokens")
        return {"kind": "products", **{name: getattr(self, name) for name in names}}

    def _image(self, place: int) -> dict[str, Any]:
        return {
            **self._priced(),
            "image_id": self.image_ids[place],
            "seq": place,
            "label": Label(item=1),
            "source": Source(url="https://example.com/1.jpg"),
            "recipe": Recipe(operation="copy"),
            "timeline": Timeline(requested_at=datetime.now(UTC)),
        }
