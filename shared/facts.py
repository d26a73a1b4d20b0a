"""The parts that events are made of."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

JobKind = Literal["products", "album", "batch", "order", "book"]
Operation = Literal["compress", "enhance", "convert", "analyze", "compose", "copy"]
FileFormat = Literal["csv", "json", "xlsx", "zip"]


class Fact(BaseModel):
    """A part of an event; unknown fields from newer producers are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Fact):
    """Something that happened. Subclasses name themselves by `type`."""

    type: ClassVar[str]


class Blob(Fact):
    """Bytes in the blob store, named by their content."""

    digest: str = Field(description="SHA-256 in hex; also the blob's name")
    size_bytes: int
    format: str
    width: int
    height: int


class Source(Fact):
    """Where an image's bytes come from; `repeated` when other images of the job name the same source."""

    url: str
    repeated: bool = False
    blob: Blob | None = Field(None, description="the bytes, where they are in the blob store already: an upload's")


class Label(Fact):
    """What people call an image: the item (row, product) it belongs to and its place there."""

    item: int = Field(description="1-based number of the item, e.g. the CSV's data row")
    key: str = Field("", description="the item's own number, e.g. its serial number")
    name: str = ""
    position: int = Field(0, description="0-based place among the item's images")
    size: int = Field(1, description="how many images the item has")
    carried: tuple[str, ...] = Field((), description="what else the item's row says, by the job's `columns`")


class Recipe(Fact):
    """What is done with each image of a job."""

    operation: Operation
    provider: str = "local"
    params: dict[str, Any] = Field(default_factory=dict)


class Analysis(Fact):
    """What an image shows: the five things that the batches door tells of each."""

    store_image: bool = Field(False, description="it shows a shop front or its signs")
    text_content: str = Field("", description="the text in the image")
    store_name: str = ""
    business_contact: str = Field("", description="phone, mail and web addresses, separated by commas")
    image_description: str = ""


class Timeline(Fact):
    """An image's way so far; durations in seconds."""

    requested_at: datetime
    fetched_at: datetime | None = None
    fetch_seconds: float | None = None
    fetch_attempts: int = 0
    enhance_seconds: float | None = None
    enhance_attempts: int = 0


class StoppedImage(Fact):
    """An image that was stopped before anything was spent on it."""

    image_id: UUID
    seq: int
    label: Label
    source: Source


class Webhook(Fact):
    """Whom to call when a job ends; secrets only ever sealed. `own_secret`: they belong to this job alone."""

    url: str
    secrets_sealed: tuple[str, ...] = ()
    secrets_version: int = 1
    own_secret: bool = False
