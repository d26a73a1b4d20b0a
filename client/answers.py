"""What the gateway is told and what it answers, as far as the command line reads it."""

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator

ENDED = ("completed", "failed")

HttpDate = Annotated[datetime | None, BeforeValidator(lambda text: parsedate_to_datetime(text) if text else None)]


class Options(BaseModel):
    """How a CSV's images are worked on; what is None is left to the gateway."""

    webhook_url: str | None = None
    webhook_secret: str | None = None
    quality: int | None = None
    format: Literal["jpeg", "png", "webp"] | None = None
    max_side: int | None = None
    operation: Literal["compress", "copy"] | None = None

    def fields(self) -> dict[str, str]:
        """As form fields."""
        return {name: str(value) for name, value in self.model_dump(exclude_none=True).items()}


class Accepted(BaseModel):
    """A request was accepted; answered_at: by the gateway's clock, in whole seconds."""

    request_id: str
    message: str
    webhook_url: str | None = None
    answered_at: HttpDate = None


class ImageCounts(BaseModel):
    """How many images are in which state."""

    total: int
    completed: int
    failed: int
    pending: int

    @property
    def ended(self) -> int:
        """How many there is nothing more to do for."""
        return self.completed + self.failed


class Status(BaseModel):
    """Where a request is."""

    request_id: str
    status: Literal["pending", "processing", "completed", "failed"]
    message: str
    created_at: datetime
    updated_at: datetime
    images: ImageCounts

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen, but for a retry."""
        return self.status in ENDED


class Image(BaseModel):
    """One image of a product."""

    input_url: str
    output_url: str | None
    status: str
    problem: str | None
    detail: str | None
    attempts: int


class Product(BaseModel):
    """One product of a request."""

    serial_number: int
    product_name: str
    images: list[Image]


class Details(Status):
    """A request with all its products."""

    csv_filename: str
    total_products: int
    products: list[Product]


class Attempt(BaseModel):
    """One attempt at delivering a webhook."""

    attempt: int
    attempted_at: datetime
    status: int | None
    problem: str | None
    detail: str | None


class Delivery(BaseModel):
    """One webhook message to one receiver."""

    delivery_id: str
    message_id: str
    url: str
    state: str
    next_attempt_at: datetime | None
    attempts: list[Attempt]


class Secret(BaseModel):
    """What an account's webhooks are signed by; the previous one signs too for 24 hours after a rotation."""

    secret: str
    previous_secret: str | None
