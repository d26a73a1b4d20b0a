"""The price list, in one place: tokens per image that succeeds, by the kind of job."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.facts import JobKind

PRICE_TOKENS_MAX = 1_000_000

Price = Annotated[int, Field(ge=0, le=PRICE_TOKENS_MAX)]


class Prices(BaseSettings):
    """Read from DARKROOM_PRICES, e.g. `{"products": 1, "album": 2}`; what is not listed costs nothing."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore", frozen=True)

    prices: dict[JobKind, Price] = Field(default_factory=dict)

    def price_of(self, kind: JobKind) -> int:
        """What an image of a job of this kind costs, in tokens."""
        return self.prices.get(kind, 0)
